"""Which node a call's parameters come from."""

from __future__ import annotations

import numpy as np
import pytest

from firstlight.timings import tree
from firstlight.timings.cases import Labels

NODES = {
    "": [0.0],
    "bf16": [1.0],
    "bf16|s": [2.0],
    "bf16|s|blackwell": [3.0],
    "bf16|s|blackwell|k": [4.0],
    "bf16|s|blackwell|k|nvidia-b200-sxm": [5.0],
    "bf16|s|blackwell|k|nvidia-b200-sxm|1": [6.0],
}


@pytest.mark.parametrize(
    ("dtype", "style", "kernel", "release", "accelerator", "generation", "value", "level", "foreign"),
    [
        ("bf16", "s", "k", "1", "nvidia-b200-sxm", "blackwell", 6.0, 6, False),
        ("bf16", "s", "k", "2", "nvidia-b200-sxm", "blackwell", 5.0, 5, False),
        # Never measured: the nearest relative's values, but not as its own.
        ("bf16", "s", "k", "1", "nvidia-b300-sxm", "blackwell", 6.0, 4, False),
        ("bf16", "s", "k", "1", "nvidia-gb200", "blackwell", 4.0, 4, False),
        ("bf16", "s", "other", "1", "nvidia-b200-sxm", "blackwell", 3.0, 3, False),
        # Rubin's kernels come nearest to Blackwell's.
        ("bf16", "s", "k", "1", "nvidia-rubin", "rubin", 4.0, 2, True),
        ("bf16", "s", "k", "1", "nvidia-l40s", "ada", 2.0, 2, True),
        ("fp8", "s", "k", "1", "nvidia-b200-sxm", "blackwell", 0.0, 0, True),
    ],
)
def test_the_deepest_node_that_fits(
    dtype, style, kernel, release, accelerator, generation, value, level, foreign
):  # fmt: skip
    names = (dtype, style, kernel, release, accelerator, generation)
    nodes = {name: np.array(theta) for name, theta in NODES.items()}
    found = tree.find(nodes, Labels(*(np.array([name]) for name in names)))
    assert (found.theta[0, 0], found.level[0], found.foreign[0]) == (value, level, foreign)
