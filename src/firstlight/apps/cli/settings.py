"""Defaults of options from files: `firstlight.toml` of the project over the user's own.

Precedence: flags, `FIRSTLIGHT_*` variables, project file, user file, defaults.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from firstlight.errors import DocumentError, Problem


def settings() -> dict[str, Any]:
    """Option defaults by command (`[plan]` `seed = 7`), the project's file laid over the user's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    merged: dict[str, Any] = {}
    for path in (home / "firstlight" / "firstlight.toml", Path("firstlight.toml")):
        for command, options in _read(path).items():
            merged[command] = {**merged.get(command, {}), **options}
    return merged


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DocumentError((Problem("", str(error), "Mend the settings file or remove it.", str(path)),)) from None
    loose = [key for key, value in content.items() if not isinstance(value, dict)]
    if loose:
        remedy = f"Put it below the command it belongs to: [plan] {loose[0]} = ..."
        raise DocumentError((Problem(loose[0], "a setting outside of any command", remedy, str(path)),))
    return content
