"""How the kernels of the engine are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

Compiler = Callable[[Callable[..., Any]], Callable[..., Any]]

routine: Compiler = njit(cache=True, nogil=True)
"""Compile a function, and keep it on disk."""

_BARE: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}

kernel: Compiler = njit(**_BARE)
"""The same for a function that allocates nothing.

Its arrays come in named tuples. `_nrt=False` leaves out the counting of references that numba does at each access to a
field, which takes four fifths of the time; what allocates nothing needs none (numba refuses to compile it otherwise).
A cached function holds those that it calls: after a change to one in another file, delete the cache (`*.nbi`, `*.nbc`).
"""
