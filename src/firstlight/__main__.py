"""`python -m firstlight` is the command line."""

from firstlight.apps.cli.main import main

if __name__ == "__main__":
    main()
