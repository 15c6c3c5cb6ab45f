"""The public API: what `firstlight` offers, where it comes from, and that importing it costs nothing."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import firstlight

ROOT = Path(__file__).parents[1]


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


def test_what_the_code_imports_is_what_it_asks_for():
    """Also inside functions: a library that only developers install would fail for users alone."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for kind, names in asked["optional-dependencies"].items() if kind != "dev" for name in names]
    known = {re.split(r"[<>=]", name)[0] for name in (*asked["dependencies"], *extras)}
    known = {{"pyyaml": "yaml"}.get(name, name) for name in known} | set(sys.stdlib_module_names)
    known |= {"firstlight", "pydantic_core"}  # pydantic is in two packages of one version
    for path in sorted(Path(firstlight.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert {name.partition(".")[0] for name in names} <= known, path
