"""The report: one HTML file that works offline. Text, tables and charts are made here, as HTML and SVG.

The page can be read, searched and printed without scripts: its short script only shows what is pointed at, zooms the
floor plan and opens what is folded for printing. It asks nothing of the network, which its content security policy
makes sure of.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from firstlight.evaluate import Evaluation, ServingAnswer
from firstlight.export.report import basis, dates, energy, fabric, floor, money, risk, serving, work
from firstlight.export.report.answer import Answer, answer
from firstlight.export.report.blocks import Badge, Bar, Code, Section

_DESIGN = "<code>design.yaml</code> (the plan with everything resolved, itself a valid input)"
_FILES = Markup(
    f"Beside this file: <code>evaluation.json</code> (every number in SI units), {_DESIGN}, and the tables of parts, "
    "racks, cables and tasks."
)
_SERVING_FILES = Markup(f"Beside this file: <code>serving.json</code> (every number in SI units) and {_DESIGN}.")


def html(evaluation: Evaluation) -> str:
    """The report of an evaluation as one HTML text; the same evaluation gives the same bytes."""
    return _page(evaluation, answer(evaluation), sections(evaluation), "the planned AI factory", _FILES)


def serving_html(found: ServingAnswer) -> str:
    """The page of the verb `serve` as one HTML text; the same answer gives the same bytes."""
    return _page(found, serving.answer(found), serving.sections(found), "how its models are served", _SERVING_FILES)


def _page(
    evaluation: Evaluation | ServingAnswer, head: Answer, parts: tuple[Section, ...], title: str, beside: Markup
) -> str:
    return _templates().get_template("report.html").render(
        evaluation=evaluation, answer=head, sections=parts, title=title, beside=beside, typeface=_typeface(),
        style=_asset("templates/report.css"), script=_asset("assets/report.js"),
    )  # fmt: skip


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


def columns(count: int) -> int:
    """Columns of a grid of so many numbers, so that its rows are about equally long: 7 stand as 4 and 3."""
    return -(-count // -(-count // 5)) if count else 1


@cache
def _asset(path: str) -> str:
    return (resources.files(__package__ or __name__) / path).read_text("utf-8")


@cache
def _typeface() -> str:
    """Inter (SIL Open Font License 1.1), so that the report looks the same everywhere."""
    return base64.b64encode((resources.files(__package__ or __name__) / "assets/inter.woff2").read_bytes()).decode()


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
    environment.filters["columns"] = columns
    environment.filters["percent"] = lambda share: f"{100 * max(0.0, min(share, 1.0)):.3f}%"
    return environment
