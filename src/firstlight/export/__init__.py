"""Results as files: report, JSON, resolved plan and tables of an Evaluation; traces and launch files of training."""

from __future__ import annotations

from firstlight.export.write import write

__all__ = ["write"]
