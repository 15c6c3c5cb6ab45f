"""`firstlight serve FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from firstlight.apps.cli.console import (
    clear,
    file_argument,
    json_option,
    print_json,
    progress,
    quiet_option,
    set_option,
)

_STEPS = 3
"""Steps that a plan with one model reports; with more, the bar is full before the last."""


@click.command(short_help="Say how models are served.")
@file_argument
@click.option(
    "--trace", type=click.Path(path_type=Path),
    help="Requests to play at the asked rate: CSV of Azure, BurstGPT or plain (arrival, prompt, answer), or Mooncake's "
    "JSON lines. Left out: they come at random.",
)  # fmt: skip
@click.option("--engine", default="vllm", show_default=True, help="Whose scheduling: vllm, sglang or trtllm.")
@click.option(
    "--router", default="least-loaded", show_default=True,
    help="How requests are shared among replicas: round-robin, least-loaded, power-of-two or prefix-affinity.",
)  # fmt: skip
@click.option(
    "--cache", type=click.FloatRange(0),
    help="Tokens that the accelerators of each replica keep of prompts, for a trace with hashes of blocks; in place of "
    "the workload's prefix_cache.accelerator.",
)  # fmt: skip
@click.option(
    "--search", is_flag=True,
    help="Try every layout, with engines that read and write and with pools for either; where the plan leaves the "
    "placement open, take the best.",
)  # fmt: skip
@click.option(
    "--hours", type=click.FloatRange(0, 168, min_open=True),
    help="Play so many hours of the whole fleet too, around the busiest of the day: the day's swing, scaling, cold "
    "starts, failures.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Folder for serving.json, the resolved plan, and serving.html with the curves.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of everything random.")
@set_option
@click.option(
    "--parts", type=click.Path(path_type=Path),
    help="A Catalog document with parts of your own, in the place of the plan's `catalog`.",
)  # fmt: skip
@json_option
@quiet_option
def serve(
    file: Path, trace: Path | None, engine: str, router: str, cache: float | None, search: bool, hours: float | None,
    output: Path | None, seed: int, sets: dict[str, str], parts: Path | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Capacity, latencies and their percentiles of every served model of the plan FILE."""
    from firstlight import design
    from firstlight.evaluate.served import require_served
    from firstlight.export.serving import serving_summary

    report = progress(_STEPS + 2 * search + bool(hours) + bool(output), quiet)
    answer = design.serve(
        file, trace=trace, engine=engine, router=router, cache=cache, seed=seed, search=search, hours=hours,
        sets=sets, parts=parts, progress=report,
    )  # fmt: skip
    if output:
        from firstlight import export

        report(f"writing {output}")
        export.write(answer, output)
    clear()
    if as_json:
        print_json(answer.to_dict())
    else:
        click.echo(serving_summary(answer))
    require_served(answer)
