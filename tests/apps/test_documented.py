"""The reference of the command line names every command, option, argument, setting and exit code there is."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from firstlight.apps.cli import main as cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def docs() -> ModuleType:
    """scripts/docs.py, which writes the reference."""
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "docs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all that are below it, with their names as they are typed."""
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            assert below
            yield from commands(below, f"{name} {word}")
    yield name, command


COMMANDS = dict(commands(cli.root, "firstlight"))


def section(page: str, name: str) -> str:
    """The part of the page about one command, without those below it."""
    head = next(line for line in page.splitlines() if line.strip("# ") == name)
    return page.split(f"{head}\n", 1)[1].split("\n## ")[0].split("\n### ")[0]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "firstlight"])
def test_every_command_has_its_options_and_arguments(docs, name):
    command = COMMANDS[name]
    text = section(docs.command_line(), name)
    assert (command.help or "").strip() in text
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help
            row = next(line for line in text.splitlines() if f"`{', '.join(param.opts)}`" in line)
            assert param.help.replace("|", "\\|") in row
        else:
            assert param.make_metavar(click.Context(command)) in text


def test_every_exit_code_is_listed(docs):
    text = section(docs.command_line(), "Exit codes")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert rows == [[str(code), meaning] for code, meaning in cli.EXIT_CODES.items()]


def test_every_help_lists_what_the_reference_lists(docs, capsys):
    """The short help of the root names the same commands."""
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    out = capsys.readouterr().out
    for name in COMMANDS:
        first, *rest = name.split(" ")[1:] or [""]
        if first and not rest:
            assert first in out


def test_the_page_on_disk_is_the_one_that_is_generated(docs):
    assert (docs.DOCS / "command-line.md").read_text("utf-8") == docs.NOTE + docs.command_line()


def test_settings_are_explained(docs):
    text = section(docs.command_line(), "Settings")
    for word in ("FIRSTLIGHT_<COMMAND>_<OPTION>", "firstlight.toml", "XDG_CONFIG_HOME", "NO_COLOR"):
        assert word in text


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_commands_that_exist(page):
    """`firstlight validate collectives ...`: the words after the name lead to a command; the rest are its arguments."""
    named = re.findall(r"(?:`|^    )firstlight ((?:[a-z|]+ ?)+)", page.read_text("utf-8"), re.MULTILINE)
    for words in (words.split() for words in named):
        for first in words[0].split("|"):
            command, name = COMMANDS.get(f"firstlight {first}"), f"firstlight {first}"
            assert command, name
            if isinstance(command, click.Group) and words[1:]:
                for second in words[1].split("|"):
                    assert f"{name} {second}" in COMMANDS, f"{name} {second}"
