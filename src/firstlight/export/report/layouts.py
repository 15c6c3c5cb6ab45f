"""Serving layouts in words."""

from __future__ import annotations

from firstlight.spec.design import PrefillPool, ServingLayout

_CUTS = ("tensor", "pipeline", "data", "context", "expert")


def layout_words(layout: ServingLayout) -> str:
    """A layout as a reader would say it: "tensor 8, expert 8", or both pools."""
    if not layout.prefill:
        return _engine(layout)
    pool = layout.prefill
    return f"{pool.engines} that read ({_engine(pool)}) and {layout.engines} that write ({_engine(layout)})"


def _engine(layout: ServingLayout | PrefillPool) -> str:
    said = [f"{cut} {getattr(layout, cut)}" for cut in _CUTS if getattr(layout, cut) > 1]
    said += [f"{layout.redundant} second copies of experts"] if layout.redundant else []
    return ", ".join(said) or "one accelerator"
