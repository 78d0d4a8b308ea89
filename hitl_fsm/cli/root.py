"""The root command and the options that every command takes."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.main import get_command

import hitl_fsm
from hitl_fsm.cli.lazy import LazyGroup
from hitl_fsm.cli.session import FORMATS, Session

HELP = """Agents that ask people first: policies, open questions, answers, and the record.

Exit codes: 0 ok, 1 a negative result, 2 usage, 3 store, network or model, 4 not authorised, 5 conflict or already
resolved, 8 still paused, 130 interrupted. Data goes to stdout, words to stderr.
"""


def _remember(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> Any:
    """Keep a shared option, wherever on the line it stood."""
    session = ctx.obj
    if isinstance(session, Session) and value and param.name:
        if param.name == "format" and value not in FORMATS:
            msg = f"{value!r} is not {' or '.join(FORMATS)}"
            raise typer.BadParameter(msg)
        setattr(session, param.name, value)
    return value


def _version(value: bool) -> None:
    if value:
        typer.echo(f"hitl-fsm {hitl_fsm.__version__}")
        raise typer.Exit


App = Annotated[
    str | None,
    typer.Option(metavar="MODULE:NAME", callback=_remember, help="The application's Engine or Agent. [HITL_FSM_APP]"),
]
Store = Annotated[
    str | None,
    typer.Option(metavar="URL", callback=_remember, help="Where runs are kept: sqlite:///hitl.db. [HITL_FSM_STORE]"),
]
Format = Annotated[
    str | None,
    typer.Option(metavar="text|json", callback=_remember, help="How data is printed. [HITL_FSM_FORMAT]"),
]
NoColor = Annotated[
    bool, typer.Option("--no-color", callback=_remember, help="No colour, also on a terminal. [NO_COLOR]")
]
Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, callback=_remember, help="Data and errors only.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, callback=_remember, help="Tell more; tracebacks.")]
Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
]


def root(
    app: App = None,
    store: Store = None,
    format: Format = None,  # noqa: A002 - the option's name
    no_color: NoColor = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
    version: Version = False,
) -> None:
    """Keep nothing: the callbacks of the options have."""
    del app, store, format, no_color, quiet, verbose, version


def command() -> Any:
    """The whole program as one Click command."""
    app = typer.Typer(
        name="hitl-fsm",
        cls=LazyGroup,
        help=HELP,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    return get_command(app)
