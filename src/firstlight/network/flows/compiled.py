"""How the kernels of the engine are compiled."""

from __future__ import annotations

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""Compile a function that allocates nothing, and keep it on disk.

Its arrays come in named tuples. `_nrt=False` leaves out the counting of references that numba does at each access to a
field, which takes four fifths of the time; what allocates nothing needs none (numba refuses to compile it otherwise).
"""
