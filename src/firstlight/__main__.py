"""`python -m firstlight` is the command line."""

from firstlight.apps.cli import main

if __name__ == "__main__":
    main()
