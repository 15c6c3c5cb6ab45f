"""An Evaluation as files: the report, the JSON, the resolved plan and the tables."""

from __future__ import annotations

from firstlight.export.files import write

__all__ = ["write"]
