"""Case files: cells that say something, cells that do not, and files that are no tables."""

from __future__ import annotations

import pytest

from firstlight.errors import DocumentError
from firstlight.operate.validation.table import CellError, Row, read


def row(**cells: str) -> Row:
    return Row(2, cells)


def test_cells():
    one = row(a=" 4 ", b="", c="2.5", d="1", e="0")
    assert (one.text("a"), one.count("a"), one.number("c")) == ("4", 4, 2.5)
    assert (one.count("b"), one.number("missing"), one.flag("b")) == (None, None, None)
    assert (one.flag("d"), one.flag("e")) == (True, False)


@pytest.mark.parametrize(
    ("read_cell", "says"),
    [
        (lambda: row(a="x").number("a"), 'a: "x" is not a number'),
        (lambda: row(a="nan").number("a"), "not above 0"),
        (lambda: row(a="inf").count("a"), "not above 0"),
        (lambda: row(a="-3").count("a"), "not above 0"),
        (lambda: row(a="2.5").count("a"), "not a whole number"),
        (lambda: row(a="").needed("a"), "a is empty"),
        (lambda: row(a="yes").flag("a"), "neither 0 nor 1"),
    ],
)
def test_cells_that_say_nothing_are_refused(read_cell, says):
    with pytest.raises(CellError, match=says):
        read_cell()


def test_files(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    (only,) = read(path, ("a", "b"))
    assert (only.line, only.count("b")) == (2, 2)
    (lacking,) = read(path, ("a", "b", "colour"))
    assert (lacking.text("colour"), "colour" in lacking.cells) == ("", False)
    path.write_text("a,colr,b,siez\n1,2,3,4\n", "utf-8")
    with pytest.raises(DocumentError, match=r'unknown column "colr"(.|\n)*Did you mean "colour"') as no:
        read(path, ("a", "colour", "size"))
    assert len(no.value.problems) == 2
    path.write_text("a,b\n", "utf-8")
    with pytest.raises(DocumentError, match="no rows"):
        read(path, ("a",))
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path / "nowhere.csv", ("a",))
    path.write_bytes(b"\xff\xfe\x00a,b")
    with pytest.raises(DocumentError, match="cannot be read"):
        read(path, ("a",))
