"""`firstlight network collective`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from firstlight.apps.cli.console import file_argument, json_option, print_json, set_option

if TYPE_CHECKING:
    from firstlight.network.collectives import Tokens
    from firstlight.network.jobs import Steering

_OPERATIONS = (
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "send_receive", "dispatch", "combine",
)  # fmt: skip


@click.command(short_help="Time one collective.")
@file_argument
@click.option("--op", "operation", required=True, type=click.Choice(_OPERATIONS), help="Which collective.")
@click.option(
    "--bytes", "size", required=True, metavar="SIZE",
    help='Buffer of one rank ("1GB"): the gathered result of an all_gather, the input of a reduce_scatter. Of dispatch '
    "and combine: one token.",
)  # fmt: skip
@click.option(
    "--group", required=True, metavar="AxBx...",
    help="Members per level: in a scale-up domain, under a leaf, across leaves. 8x16: 16 domains with 8 members each. "
    "One number is spread over as many domains as it needs.",
)  # fmt: skip
@click.option("--algorithm", help='Time this one, in its fastest protocol or the one named ("double tree LL128").')
@click.option(
    "--queue-pairs", type=click.IntRange(1, 1024),
    help="Switches hash each queue pair to one path (ECMP), and a connection has so many. Left out: spread evenly.",
)  # fmt: skip
@click.option(
    "--routing", type=click.Choice(("spray", "reps", "adaptive", "ecmp")),
    help="Simulate what this routing costs on the plan's fabric. Left out: a constant of all fabrics.",
)  # fmt: skip
@click.option(
    "--fail", "fails", multiple=True, metavar="WHAT[@SHARE]", help="What is broken or slow, as in network simulate."
)
@click.option("--in-network", is_flag=True, help="The fabric's switches add up (SHARP).")
@click.option("--tokens", type=click.IntRange(1), help="Of dispatch and combine: tokens of a rank.")
@click.option("--top-k", type=click.IntRange(1), help="Of dispatch and combine: experts of a token.")
@click.option(
    "--experts", type=click.IntRange(1, 65536),
    help="Of dispatch and combine: experts of all ranks. With it the fitted times of DeepEP and of NVLink exchanges "
    "are taken where they reach.",
)  # fmt: skip
@click.option(
    "--once", type=click.Choice(("expert", "rank", "domain")),
    help="Of dispatch and combine: a token is sent once for each expert, each rank, or each domain, which passes it on "
    "(the default).",
)  # fmt: skip
@set_option
@click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, in the place of the plan's `catalog`.",
)  # fmt: skip
@json_option
def collective(
    file: Path,
    operation: str,
    size: str,
    group: str,
    algorithm: str | None,
    queue_pairs: int | None,
    routing: str | None,
    fails: tuple[str, ...],
    in_network: bool,
    tokens: int | None,
    top_k: int | None,
    experts: int | None,
    once: str | None,
    sets: dict[str, str],
    parts: Path | None,
    as_json: bool,
) -> None:
    """Time of one collective on the fabric of the plan FILE: bandwidth, the algorithm that wins, the others' times."""
    from firstlight import design
    from firstlight.evaluate.collective import Asked, Question, summary

    asked = Question(
        cast(Asked, operation), _bytes(size), _group(group), algorithm, queue_pairs, in_network,
        _tokens(operation, _bytes(size), tokens, top_k, experts, once), experts,
        cast("Steering | None", routing), fails,
    )  # fmt: skip
    answer = design.collective(file, asked, sets=sets, parts=parts)
    if as_json:
        print_json(answer.to_dict() | {"units": answer.units()})
    else:
        click.echo(summary(answer))


def _bytes(text: str) -> float:
    from firstlight import units
    from firstlight.errors import UsageError

    try:
        found = units.parse(text, "bytes")
    except ValueError as error:
        raise UsageError(f"--bytes: {error}") from error
    if not 0 <= found <= units.parse("1 PB", "bytes"):
        raise UsageError(f'--bytes: "{text}" is no size from 0 B to 1 PB')
    return found


def _group(text: str) -> tuple[int, ...]:
    from firstlight.errors import UsageError

    parts = text.lower().replace("*", "x").split("x")
    if not all(part.strip().isdigit() and int(part) for part in parts):
        raise UsageError(f'--group: "{text}" is no list of whole numbers from 1, such as 8x16')
    return tuple(int(part) for part in parts)


def _tokens(
    operation: str, size: float, tokens: int | None, top_k: int | None, experts: int | None, once: str | None
) -> Tokens | None:
    from firstlight.errors import UsageError
    from firstlight.network.collectives import Once, Tokens

    routed = operation in ("dispatch", "combine")
    options = {"--tokens": tokens, "--top-k": top_k, "--experts": experts, "--once": once}
    given = [name for name, value in options.items() if value is not None]
    if not routed:
        if given:
            raise UsageError(f"{' and '.join(given)} has no effect on {operation}; leave it out")
        return None
    if tokens is None or top_k is None:
        raise UsageError(f"{operation} needs --tokens (of a rank) and --top-k (experts of a token)")
    if experts is not None and top_k > experts:
        raise UsageError(
            f"--top-k {top_k}: a token goes to {top_k} of {experts} experts; write --top-k {experts} at most"
        )
    return Tokens(float(tokens), size, float(top_k), cast(Once, once or "domain"))
