"""Defaults of options from files: `firstlight.toml` of the project over the user's own.

Precedence: flags, `FIRSTLIGHT_*` variables, project file, user file, defaults.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

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


def refuse_unknown(command: str, given: Mapping[str, Any], options: Collection[str]) -> None:
    """Settings of a command that are none of its options would have no effect.

    Raises:
        UsageError: there is such a setting; says what is nearest to it.
    """
    for name in given:
        if name not in options:
            remedy = near.hint(name, options, f"Its settings are {', '.join(options)}.")
            raise UsageError(f'firstlight.toml: [{command}] has no setting "{name}". {remedy}')


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
