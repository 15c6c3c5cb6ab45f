"""The doors: command line. They parse, call and print; no formula, no rule."""
