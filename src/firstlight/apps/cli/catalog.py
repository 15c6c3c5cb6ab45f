"""`firstlight catalog list|show|compare`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from firstlight.apps.cli.console import json_option, print_json, print_table

if TYPE_CHECKING:
    from firstlight.spec.browse import Entry, Number

_COLUMNS = {
    "system": ("accelerator", "accelerators", "scale_up_domain", "power", "liquid", "price"),
    "accelerator": ("released", "bf16", "fp8", "memory", "memory_bandwidth", "tdp", "price"),
    "host": ("cores", "memory", "memory_bandwidth", "tdp"),
    "nic": ("ports", "bandwidth", "power", "price"),
    "switch": ("protocol", "ports", "port_bandwidth", "latency", "power", "optics", "price"),
    "transceiver": ("bandwidth", "reach", "fibre", "power", "price"),
    "cable": ("medium", "bandwidth", "reach", "power", "price", "price_per_metre"),
    "rack": ("rack_units", "width", "depth", "power", "price"),
    "cdu": ("capacity", "approach", "flow", "power", "price"),
    "chiller": ("capacity", "cop", "design_ambient", "price"),
    "dry-cooler": ("capacity", "approach", "power", "adiabatic", "price"),
    "air-handler": ("capacity", "power", "approach", "price"),
    "transformer": ("rating", "no_load_loss", "load_loss", "high_voltage", "price"),
    "ups": ("rating", "efficiency", "no_load_loss", "price"),
    "generator": ("rating", "price"),
    "battery": ("rating", "energy", "round_trip", "price"),
    "model": ("parameters", "active_parameters", "layers", "hidden", "context"),
    "assumption": ("value",),
}
"""What a list says of each kind."""
_ESTIMATE = "~"

_parts_option = click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, laid over the shipped ones.",
)  # fmt: skip


@click.group(short_help="List, show and compare parts.")
def catalog() -> None:
    """List, show and compare what the catalogue holds: parts, models and assumptions."""


@catalog.command("list")
@click.argument("kind", required=False)
@_parts_option
@json_option
def list_(kind: str | None, parts: Path | None, as_json: bool) -> None:
    """List all of one KIND, such as accelerator, switch, model or assumption. Left out: the kinds, and how many."""
    from firstlight.spec import browse
    from firstlight.spec import catalog as catalogs

    if kind is None:
        counts = browse.kinds(catalogs.load(parts))
        if as_json:
            print_json(counts)
        else:
            print_table([(word, str(count)) for word, count in counts.items()], ("kind", "entries"))
        return
    kind = browse.kind_named(kind)
    _refuse(parts, [kind])
    found = browse.entries(catalogs.load(parts), kind)
    if as_json:
        print_json([asdict(entry) for entry in found])
    else:
        _print_list(kind, found)


@catalog.command("show")
@click.argument("id")
@_parts_option
@json_option
def show(id: str, parts: Path | None, as_json: bool) -> None:
    """Show every number of ID (a part, model or assumption) with its unit, standing, source and note."""
    from firstlight.spec import browse
    from firstlight.spec import catalog as catalogs

    entry = browse.show(catalogs.load(parts), id)
    _refuse(parts, [entry.kind])
    if as_json:
        print_json(asdict(entry))
    else:
        _print_entry(entry)


@catalog.command("compare")
@click.argument("ids", nargs=-1, required=True)
@_parts_option
@json_option
def compare(ids: tuple[str, ...], parts: Path | None, as_json: bool) -> None:
    """Compare two or more IDS of one kind side by side."""
    from firstlight.spec import browse
    from firstlight.spec import catalog as catalogs

    found = browse.compare(catalogs.load(parts), ids)
    _refuse(parts, [entry.kind for entry in found])
    if as_json:
        print_json([asdict(entry) for entry in found])
    else:
        _print_comparison(found)


def _refuse(parts: Path | None, kinds: Iterable[str]) -> None:
    """Parts of the user's own would change nothing of models and assumptions."""
    from firstlight.errors import UsageError
    from firstlight.spec import browse

    for kind in kinds:
        if parts and kind in (browse.MODEL, browse.ASSUMPTION):
            raise UsageError(f"--parts has no effect on {kind}s; leave it out")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _cell(number: Number | None) -> str:
    """A number in a table; estimates are marked."""
    if number is None:
        return "-"
    counts = number.standing == "estimate" and not isinstance(number.value, str)
    return (_ESTIMATE if counts else "") + number.text


def _print_list(kind: str, found: Iterable[Entry]) -> None:
    columns = _COLUMNS[kind]
    named = () if kind == "assumption" else ("name",)
    rows = [
        (entry.id, *(entry.name for _ in named), *(_cell(entry.number(column)) for column in columns))
        for entry in found
    ]
    print_table(rows, ("id", *named, *map(_words, columns)))
    _print_legend(rows)


def _print_entry(entry: Entry) -> None:
    click.echo(f"{entry.name}\n")
    head = {
        "id": entry.id,
        "kind": entry.kind,
        "vendor": entry.vendor,
        "aliases": ", ".join(entry.aliases),
        "source": entry.source,
        "standing": entry.standing,
        "note": entry.note,
    }
    for name, text in head.items():
        if text:
            click.echo(f"{name + ':':10}{text}")
    click.echo()
    rows = [(_words(number.name), number.text, number.standing, *_unlike(number, entry)) for number in entry.numbers]
    print_table(rows, ("number", "value", "standing", "source, if another", "note"))


def _unlike(number: Number, entry: Entry) -> tuple[str, str]:
    """Source and note of a number; what is said of the whole entry already is not said again."""
    return (number.source if number.source != entry.source else "", number.note if number.note != entry.note else "")


def _print_comparison(found: tuple[Entry, ...]) -> None:
    from firstlight.spec import browse

    rows = [(_words(name), *(_cell(entry.number(name)) for entry in found)) for name in browse.fields(found)]
    print_table(rows, ("number", *(entry.id for entry in found)))
    _print_legend(rows)


def _print_legend(rows: Iterable[tuple[str, ...]]) -> None:
    if any(cell.startswith(_ESTIMATE) for row in rows for cell in row):
        click.echo(f"\n{_ESTIMATE} an estimate of ours; `firstlight catalog show ID` says where each number is from")
