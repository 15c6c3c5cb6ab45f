"""The root command, and the only place that turns errors into exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

import click

from firstlight import __version__, errors
from firstlight.apps.cli.console import complain
from firstlight.apps.cli.settings import defaults, settings

EXIT_CODES = {
    0: "done",
    1: "the answer is no: the demand is infeasible or missed, or no measurement could be predicted",
    2: "wrong usage or a wrong document",
    3: "a solver, a missing library or an outside service failed, or firstlight itself has a defect",
    130: "interrupted",
}
_COMMANDS = {
    "plan": "Plan the whole factory of FILE and write it to a folder.",
    "train": "Say how fast the training runs of FILE are, and which layout is fastest.",
    "serve": "Say how the models of FILE are served, and under which traffic.",
    "network": "Build the fabric of FILE, send traffic over it, and time collectives.",
    "check": "Check a document and say everything that is wrong with it.",
    "schema": "Print the JSON Schema of a document, for editors.",
    "catalog": "List, show and compare parts, models and assumptions.",
    "validate": "Score predictions against measurements.",
    "calibrate": "Fit the models to measurements.",
    "measure": "Time an accelerator of your own.",
}


class _Lazy(click.Group):
    """Imports a command only when it runs, so that `--help` stays quick."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"firstlight.apps.cli.{cmd_name}"), cmd_name)
        given = dict(ctx.default_map or {})
        ctx.default_map = {**given, cmd_name: defaults(command, cmd_name, given.get(cmd_name, {}))}
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="firstlight")
def root() -> None:
    """The digital twin of an AI factory: from a site document to the whole planned data centre."""


def _exit_code(error: errors.FirstlightError) -> int:
    if isinstance(error, errors.InfeasibleError):
        return 1
    return 2 if isinstance(error, errors.DocumentError | errors.UsageError) else 3


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with one of `EXIT_CODES`."""
    try:
        left = root.main(
            arguments, prog_name="firstlight", standalone_mode=False, default_map=settings(_COMMANDS),
            auto_envvar_prefix="FIRSTLIGHT",
        )  # fmt: skip
        code = left if isinstance(left, int) else 0  # what a command leaves with, where it does not end by itself
    except click.exceptions.Exit as done:
        code = done.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted")
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except errors.FirstlightError as error:
        complain(str(error))
        code = _exit_code(error)
    except SystemExit as done:
        # click leaves so where the reader of our output has left (`firstlight ... | head`), and after a completion.
        code = done.code if "_FIRSTLIGHT_COMPLETE" in os.environ else 0
    except MemoryError:
        complain("the memory of this machine is too small for it. Plan fewer accelerators, or take a larger machine.")
        code = 3
    except OSError as error:
        complain(f"the system refuses to go on: {error}. Mend that, and run the command again.")
        code = 3
    except Exception as error:
        complain(_defect(error))
        code = 3
    sys.exit(code)


def _defect(error: Exception) -> str:
    if os.environ.get("FIRSTLIGHT_TRACEBACK"):
        return "".join(traceback.format_exception(error))
    return (
        f"firstlight has a defect: {type(error).__name__}: {error}\n"
        "Please report it with the document that shows it; FIRSTLIGHT_TRACEBACK=1 prints where it happened."
    )
