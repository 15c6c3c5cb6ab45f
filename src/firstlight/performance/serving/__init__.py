"""Serving: prefill, decode and continuous batching in any layout, and the layout that takes the fewest accelerators."""

from firstlight.performance.serving.batching import flow
from firstlight.performance.serving.choose import best, fastest
from firstlight.performance.serving.layouts import Case, Layouts
from firstlight.performance.serving.serve import serve
from firstlight.performance.serving.space import check, space

__all__ = ["Case", "Layouts", "best", "check", "fastest", "flow", "serve", "space"]
