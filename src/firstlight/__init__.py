"""firstlight: the digital twin of an AI factory."""

from __future__ import annotations

__version__ = "0.1.0"
