"""YAML texts as plain values with places: what is read, what is refused, and what is bounded."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pytest

from firstlight.errors import DocumentError
from firstlight.spec import source
from firstlight.spec.source import dotted, parse, read


def wrong(text: str) -> tuple[str, str, str]:
    """Place, message and remedy of the only problem of a text."""
    try:
        (problem,) = parse(text).wrong
    except DocumentError as error:
        (problem,) = error.problems
    return f"{problem.line}:{problem.column}", problem.message, problem.remedy


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("7", 7), ("-7", -7), ("100_000", 100_000), ("0x10", 16), ("1.5", 1.5), ("1e3", 1000.0), (".inf", math.inf),
        ("2027-03-01", dt.date(2027, 3, 1)), ("2027-02-30", "2027-02-30"), ("yes", "yes"), ("true", "true"),
        ("~", None), ("null", None), ("", None), ("1:30", "1:30"), ("'7'", "7"), ('"null"', "null"), ("0x", "0x"),
        ("60 days", "60 days"), ("-", None), ("- a", ["a"]), ("{a: 1}", {"a": 1}), ("1__0", 10), ("007", 7),
        ("9" * 101, "9" * 101), ("·", "·"), ("+", "+"), (".", "."), ("1.", 1.0), ("0o17", 15), ("0b2", "0b2"),
    ],
)  # fmt: skip
def test_values(word, value):
    found = parse(f"a:\n  {word}\n").value["a"]
    assert found == value or (word == "-" and found == [None])
    assert isinstance(found, type(value)) or word == "-"


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        ("a: 1\n\tb: 2", "2:1", "a tab where spaces are needed", "Indent with spaces."),
        ("a: {b: 1\nc: 2", "1:4", 'a mapping that begins here is not closed with "}"',
         "Close it, and put a comma between its entries."),
        ("a: [1, 2\nc: 2", "1:4", 'a list that begins here is not closed with "]"',
         "Close it, and put a comma between its entries."),
        ('a: "b\nc: 2', "1:4", "a quote that begins here is not closed", "Close it with the same quote."),
        ("a: b: c", "1:5", 'a ":" where none can be', "Put the text in quotes, or mend the indentation."),
        ("a: 1\n b: 2", "2:3", 'a ":" where none can be', "Put the text in quotes, or mend the indentation."),
        ("a: *b", "1:4", "a word after * names an anchor that is not there", "Put the value in quotes."),
        ("a: @b", "1:4", '"@" cannot begin a value', "Put the value in quotes."),
        ("a: %b", "1:4", '"%" cannot begin a value', "Put the value in quotes."),
        ("a: 1\n---\nb: 2", "2:1", 'a second document begins here, after "---"', "One file holds one document."),
        ("a: 1\na: 2", "2:1", 'the key "a" stands here twice, first on line 1', "Keep one of them."),
        ("a: !!python/object:os.system x", "1:4", 'tags such as "tag:yaml.org,2002:python/object:os.system" have no '
         "meaning here", "Remove it; firstlight knows the kind of each value by its key."),
        ("<<: {a: 1}", "1:1", '"<<" does not merge mappings', "Write the keys out (YAML 1.2 has no merging)."),
        ("? [a, b]\n: 1", "1:3", "a key is one word", "Check brackets and braces."),
        ("a: \x00", "1:4", "this is not text (character U+0000)", "Check that it is the right file."),
        ("a: 1\nb\x07: 2", "2:2", "this is not text (character U+0007)", "Check that it is the right file."),
        ('a: "\\q"', "1:5", 'an unknown escape after "\\"', "Use single quotes, or write the backslash twice."),
        ("- a\nb: 1", "2:1", "this line does not fit the list above it", "Begin it in the same column as its "
         "neighbours above."),
    ],
)  # fmt: skip
def test_broken_texts(text, place, message, remedy):
    assert wrong(text) == (place, message, remedy)


@pytest.mark.parametrize("text", ["", "   \n", "# only a remark\n", "\ufeff", "---\n"])
def test_an_empty_text_holds_nothing(text):
    if text == "---\n":
        assert parse(text).value is None
    else:
        assert wrong(text)[1] in ("the document is empty", "this is not text (character U+FEFF)")


@pytest.mark.parametrize("text", ["[" * 10_000, "{a: " * 5_000, "\n".join("  " * n + "- " for n in range(100))])
def test_depth_is_bounded(text):
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert "\n" not in caught.value.problems[0].message


def test_growth_by_aliases_is_bounded():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    with pytest.raises(DocumentError) as caught:
        parse(bomb)
    assert "aliases" in caught.value.problems[0].message


def test_an_anchor_inside_itself_is_refused():
    with pytest.raises(DocumentError):
        parse("a: &a [*a]")


def test_aliases_repeat_values():
    assert parse("a: &x {b: 1}\nc: *x\n").value == {"a": {"b": 1}, "c": {"b": 1}}


def test_places_are_those_of_the_file():
    found = parse("a:\n  - b: 1\n    ü: two\n", "it.yaml")
    assert str(found.problem(("a", 0, "ü"), "wrong", "Mend it.")) == (
        "it.yaml:3:8: a[0].ü: wrong\n        ü: two\n           ^\n    Mend it."
    )
    assert found.mark(("a", 0, "b"), key=True).column == 5
    assert found.mark(("a", 7, "x")).line == 2  # the nearest that there is
    assert found.get(("a", 0, "b")) == 1
    assert found.get(("a", 5)) is found.get(("x",)) is found.get(("a", "b")) is None


def test_the_caret_stays_below_its_character_after_a_tab():
    problem = parse("a: \t 7").problem(("a",), "wrong")
    assert problem.source[problem.column - 1] == "7"


def test_a_long_line_is_not_printed_whole():
    problem = parse(f"a: {'x' * 100_000}").problem(("a",), "wrong")
    assert len(str(problem)) < 700


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \xe4\n", bytes(range(256)), b"\x7fELF\x02\x01\x01\x00"])
def test_binary_files_are_refused(tmp_path, content):
    (tmp_path / "it.yaml").write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read(tmp_path / "it.yaml")
    assert "not" in caught.value.problems[0].message


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "it.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read(tmp_path / "it.yaml").value == {"a": 1, "b": 2}


def test_a_large_file_is_not_read(tmp_path):
    (tmp_path / "it.yaml").write_bytes(b"a" * (source.MAX_BYTES + 1))
    with pytest.raises(DocumentError, match="too large"):
        read(tmp_path / "it.yaml")


def test_a_missing_file_names_the_one_that_is_meant(tmp_path):
    (tmp_path / "colossus.yaml").touch()
    with pytest.raises(DocumentError, match=r'Did you mean "colossus\.yaml"'):
        read(tmp_path / "colosus.yml")
    with pytest.raises(DocumentError, match="Check the path"):
        read(tmp_path / "nowhere" / "x.yaml")
    with pytest.raises(DocumentError, match="this is a folder"):
        read(tmp_path)


def test_a_path_that_no_system_takes(tmp_path):
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path / ("x" * 1000))
    with pytest.raises(DocumentError, match="cannot be read"):
        read(tmp_path / "x\0y")


def test_an_unreadable_file(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DocumentError, match="cannot be read: Permission denied"):
        read(tmp_path / "it.yaml")


def test_grafting_makes_the_way_and_forgets_what_it_replaces():
    document = parse("a: {b: 1, b: 2}\n")
    assert document.problems
    grafted = document.graft(("a",), parse("c: 3"))
    assert grafted.value == {"a": {"c": 3}}
    assert not grafted.problems
    assert document.graft(("x", "y"), parse("3")).value == {"a": {"b": 1}, "x": {"y": 3}}


def test_dotted():
    assert dotted(("demand", 0, "tokens")) == "demand[0].tokens"
    assert dotted(()) == ""
