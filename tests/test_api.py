"""The public API: what `firstlight` offers, where it comes from, and that importing it costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import firstlight


def test_every_public_name_is_there_and_sorted():
    assert sorted(firstlight.__all__) == firstlight.__all__
    for name in firstlight.__all__:
        assert getattr(firstlight, name).__doc__, name


def test_what_a_type_checker_sees_is_what_is_offered():
    tree = ast.parse(Path(firstlight.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(firstlight.__all__)


def test_importing_firstlight_imports_nothing_else():
    script = "import sys; before = set(sys.modules); import firstlight; print(*(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {name for name in loaded if name.startswith("firstlight.")}
