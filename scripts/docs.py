#!/usr/bin/env python3
"""Writes the generated pages of docs/ anew; with --check says which of them are out of date, and exits 1.

Every page comes from the code or the data that it describes, so a number in it is never typed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import yaml

from firstlight import units
from firstlight.apps.cli import main as cli
from firstlight.spec import assumptions, catalog, models, schema

DOCS = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Written by scripts/docs.py; do not edit. -->\n\n"


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    header = list(header)
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def command_line() -> str:
    """Every command, option and exit code."""
    page = ["# Command line\n"]
    root = cli.root
    context = click.Context(root, info_name="firstlight")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        page.append(_command(command, f"firstlight {name}"))
    page.append("## Exit codes\n\n" + table(["code", "meaning"], cli.EXIT_CODES.items()))
    page.append(
        "## Settings\n\nAn option's value comes from the flag, else from `FIRSTLIGHT_<COMMAND>_<OPTION>`, else from "
        "`firstlight.toml` in the working folder, else from `firstlight/firstlight.toml` in the user's configuration "
        "folder (`$XDG_CONFIG_HOME` or `~/.config`), else the default. In a settings file: `[plan]` and `seed = 7`.\n"
        "`FIRSTLIGHT_TRACEBACK=1` shows where a defect happened; `NO_COLOR` is respected.\n"
    )
    return "\n".join(page)


def _command(command: click.Command, name: str) -> str:
    parts = [f"## {name}\n\n{(command.help or '').strip()}\n"]
    options = [p for p in command.params if isinstance(p, click.Option)]
    usage = " ".join(
        [name, *(p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument))]
    )
    parts.append(f"    {usage}\n")
    if options:
        parts.append(table(["option", "meaning"], ((f"`{', '.join(p.opts)}`", p.help or "") for p in options)))
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for sub in command.list_commands(context):
            child = command.get_command(context, sub)
            assert child is not None
            parts.append(_command(child, f"{name} {sub}").replace("## ", "### ", 1))
    return "\n".join(parts)


def documents() -> str:
    """Every field of every document."""
    page = ["# Documents\n\nWhat may be written in each document. A quantity is a text with its unit.\n"]
    for kind in ("plan", "site", "workload", "design"):
        page.append(f"## {kind}\n")
        whole = schema.schema(kind)
        for title, body in {kind: whole, **whole.get("$defs", {})}.items():
            fields = body.get("properties", {})
            if not fields or (title != kind and kind == "plan"):
                continue
            if title != kind:
                page.append(f"### {title}\n\n{body.get('description', '')}\n")
            required = body.get("required", [])
            rows = (
                (f"`{n}`", "required" if n in required else _default(f), _example(f), f.get("description", ""))
                for n, f in fields.items()
            )
            page.append(table(["field", "default", "example", "meaning"], rows))
    return "\n".join(page)


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if default is None or default in ({}, []):
        return ""
    return f"`{', '.join(default) if isinstance(default, list) else default}`"


def _example(field: dict[str, Any]) -> str:
    if isinstance(field.get("items"), dict):
        inside = _example(field["items"])
        return f"a list: {inside}" if inside else ""
    for option in (field, *field.get("anyOf", ())):
        if option.get("examples"):
            first = option["examples"][0]
            return f"`{yaml.safe_dump(first, default_flow_style=True).strip() if isinstance(first, dict) else first}`"
        if option.get("enum"):
            return ", ".join(f"`{value}`" for value in option["enum"])
    return ""


def assumption_list() -> str:
    """Every assumption with its value and source."""
    rows = ((f"`{e.name}`", e.text, e.standing, e.source, e.note) for e in assumptions.shipped().values())
    return (
        "# Assumptions\n\nEvery coefficient that is neither a part's nor the user's. A plan replaces one by name: "
        '`assumptions: {economics.energy_price: "45 USD/MWh"}`.\n\n'
        + table(["name", "value", "standing", "source", "note"], rows)
    )


def model_list() -> str:
    """Every shipped model with its parameter count."""
    from firstlight.spec.parameters import active_parameters, parameters

    rows = []
    for ident in models.ids():
        model = models.find(ident)
        count, active = parameters(model), active_parameters(model)
        off = f"{100 * (count / model.published - 1):+.2f} %" if model.published else ""
        rows.append(
            (f"`{model.id}`", model.name, model.kind, f"{count / 1e9:.3f}", f"{active / 1e9:.3f}", off, model.source)
        )
    return "# Models\n\n" + table(
        ["id", "name", "tokens", "parameters [10⁹]", "active [10⁹]", "against the published count", "source"], rows
    )


def catalog_list() -> str:
    """Every part of the catalogue."""
    shipped = catalog.shipped()
    page = ["# Catalogue\n\n`firstlight catalog show ID` prints every number of a part with its source and standing.\n"]
    for kind in catalog.KINDS.values():
        found = shipped.parts(kind)
        page.append(f"## {kind.__name__} ({len(found)})\n")
        page.append(table(["id", "name", "price", "source", "standing"], (
            (f"`{p.id}`", p.name, units.show(p.price, "money") if p.price else "", p.source, p.standing) for p in found
        )))  # fmt: skip
    return "\n".join(page)


PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line,
    "documents.md": documents,
    "assumptions.md": assumption_list,
    "models.md": model_list,
    "catalogue.md": catalog_list,
}


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = DOCS / name, NOTE + make()
        if "--check" in sys.argv:
            if not path.exists() or path.read_text("utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, "utf-8")
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run python scripts/docs.py")


if __name__ == "__main__":
    main()
