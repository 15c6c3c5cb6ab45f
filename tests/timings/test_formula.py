"""What all formulas of times share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firstlight.timings.formula import soft_minimum


@given(st.floats(1e-9, 1.0), st.floats(1e-9, 1.0), st.floats(2.0, 40.0))
def test_a_soft_minimum_is_no_more_than_the_least(a, b, sharp):
    found = soft_minimum(sharp, np.array([a]), np.array([b]))[0]
    assert min(a, b) * 2 ** (-1 / sharp) * 0.999 <= found <= min(a, b) * 1.001
