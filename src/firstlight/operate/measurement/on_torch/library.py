"""PyTorch, where it is installed and sees a GPU."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from firstlight.errors import MissingExtraError, UsageError

WRONG = (RuntimeError, AttributeError, TypeError, ValueError)
"""What PyTorch raises where a release, an accelerator or its memory cannot do what is asked."""


def load() -> Any:
    """The module torch.

    Raises:
        MissingExtraError: it is not installed.
        UsageError: it sees no GPU.
    """
    try:
        torch = import_module("torch")
    except ImportError:
        raise MissingExtraError("torch", "measure") from None
    if not torch.cuda.is_available():
        raise UsageError("torch sees no GPU here; run this on the machine that is to be measured")
    return torch


def framework(torch: Any) -> str:
    """Its name and release ("torch/2.11.0")."""
    return f"torch/{torch.__version__.partition('+')[0]}"
