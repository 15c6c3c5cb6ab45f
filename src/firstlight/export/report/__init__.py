"""The report: one HTML file that works offline. Text and tables are made here; a bundled script draws the charts.

The page can be read, searched and printed without scripts; charts then give way to their tables. It asks nothing of the
network, which its content security policy makes sure of.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import jinja2

from firstlight.evaluate import Evaluation
from firstlight.export.report import basis, dates, energy, fabric, floor, money, risk, work
from firstlight.export.report.answer import answer
from firstlight.export.report.blocks import Badge, Bar, Code, Section, charts


def html(evaluation: Evaluation) -> str:
    """The report of an evaluation as one HTML text; the same evaluation gives the same bytes."""
    parts = sections(evaluation)
    data = {chart.id: {"kind": chart.kind, **chart.data} for part in parts for chart in charts(part.blocks)}
    return _templates().get_template("report.html").render(
        evaluation=evaluation,
        answer=answer(evaluation),
        sections=parts,
        data=_embedded(data),
        style=_asset("templates/report.css"),
        script=_asset("assets/report.js"),
    )


def sections(evaluation: Evaluation) -> tuple[Section, ...]:
    """What the report says, in the order of a reader's questions."""
    return (
        risk.limits(evaluation),
        floor.section(evaluation),
        fabric.section(evaluation),
        energy.section(evaluation),
        *work.sections(evaluation),
        dates.section(evaluation),
        money.section(evaluation),
        risk.reliability(evaluation),
        basis.section(evaluation),
    )


def _embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside a script element, whatever the texts in it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(path: str) -> str:
    return (resources.files(__package__ or __name__) / path).read_text("utf-8")


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _asset(f"templates/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        "badge": lambda value: isinstance(value, Badge),
        "bar": lambda value: isinstance(value, Bar),
        "code": lambda value: isinstance(value, Code),
    }
    environment.filters["percent"] = lambda share: f"{100 * max(0.0, min(share, 1.0)):.3f}%"
    return environment
