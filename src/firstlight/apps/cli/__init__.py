"""The command line: `firstlight plan|check|schema|catalog`."""

from __future__ import annotations

from firstlight.apps.cli.main import main

__all__ = ["main"]
