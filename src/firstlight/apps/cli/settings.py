"""Defaults of options from files: `firstlight.toml` of the project over the user's own.

Precedence: flags, `FIRSTLIGHT_*` variables, project file, user file, defaults.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from firstlight.errors import DocumentError, Problem, UsageError
from firstlight.spec import near


def settings(commands: Collection[str] | None = None) -> dict[str, Any]:
    """Option defaults by command (`[plan]` `seed = 7`), the project's file laid over the user's.

    Raises:
        DocumentError: a file that is not TOML, or with settings of no command (or of none of `commands`).
    """
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    merged: dict[str, Any] = {}
    for path in (home / "firstlight" / "firstlight.toml", Path("firstlight.toml")):
        for command, options in _read(path, commands).items():
            merged[command] = {**merged.get(command, {}), **options}
    return merged


def defaults(command: click.Command, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a command, and of the commands below it, as click takes them.

    A setting is called as its option is written (`json`, `dry-run` or `dry_run`), and so is the variable
    (`FIRSTLIGHT_PLAN_JSON`), whatever the parameter behind it is called.

    Args:
        command: of click.
        name: as in the file ("plan", "catalog.list").
        given: its settings.

    Raises:
        UsageError: a setting that is no option would have no effect, and one of another type has no meaning.
    """
    options = {_word(option): option for option in command.params if isinstance(option, click.Option)}
    below = dict(command.commands) if isinstance(command, click.Group) else {}
    for word, option in options.items():
        option.envvar = "_".join(["firstlight", *name.split("."), word]).upper()
    found = {child: defaults(below[child], f"{name}.{child}", {}) for child in below}
    for key, value in given.items():
        word = key.replace("-", "_")
        if key in below:
            found[key] = defaults(below[key], f"{name}.{key}", _table(name, key, value))
        elif word in options:
            found[options[word].name or word] = _typed(name, key, value, options[word])
        else:
            known = [*options, *below]
            remedy = near.hint(key, known, f"Its settings are {', '.join(known)}.")
            raise UsageError(f'firstlight.toml: [{name}] has no setting "{key}". {remedy}')
    return found


def _word(option: click.Option) -> str:
    return max(option.opts, key=len).removeprefix("--").replace("-", "_")


def _table(name: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"firstlight.toml: [{name}] {key} is a command; write its settings below [{name}.{key}]")
    return value


def _typed(name: str, key: str, value: Any, option: click.Option) -> Any:
    wanted, words = str, "a text in quotes"
    if option.is_flag:
        wanted, words = bool, "true or false"
    elif option.multiple:
        wanted, words = list, "a list of texts"
    elif isinstance(option.type, click.types.IntParamType):
        wanted, words = int, "a whole number"
    texts = not isinstance(value, list) or all(isinstance(entry, str) for entry in value)
    if type(value) is not wanted or not texts:
        raise UsageError(f"firstlight.toml: [{name}] {key} is not {words}; write {words}")
    return value


def _read(path: Path, commands: Collection[str] | None) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DocumentError((Problem("", str(error), "Mend the settings file or remove it.", str(path)),)) from None
    for key, value in content.items():
        if not isinstance(value, dict):
            remedy = f"Put it below the command it belongs to: [plan] {key} = ..."
            raise DocumentError((Problem(key, "a setting outside of any command", remedy, str(path)),))
        if commands is not None and key not in commands:
            remedy = near.hint(key, commands, f"The commands are {', '.join(commands)}.")
            raise DocumentError((Problem(key, f'there is no command "{key}"', remedy, str(path)),))
    return content
