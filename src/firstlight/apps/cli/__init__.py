"""The command line: `firstlight plan|check|schema|catalog`. `firstlight.apps.cli.main` is where it begins."""
