"""The charts, as SVG: each is drawn for two or three widths, and the page shows the one that fits."""

from __future__ import annotations
