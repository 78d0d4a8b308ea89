"""`schema`: the JSON Schemas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.output import json_document, line, say
from hitl_fsm.cli.policies.schemas import file_name, file_text, schemas
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def schema(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them: policy, record, …")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write them there as NAME.schema.json.")] = None,
    tools: Annotated[
        bool, typer.Option("--tools", help="Instead, the tools of the application, as `validate --tools` reads them.")
    ] = False,
) -> None:
    """Print or write the JSON Schemas of policies, records and answers.

    Without --out they are one JSON document: the named one, or {"<name>": <schema>} of all. With --tools:
    {"version": 1, "tools": [{"name", "parameters", "description", "version", "idempotent"}]}.
    """
    session: Session = ctx.obj
    if tools:
        if name is not None or out is not None:
            msg = "--tools stands alone: what it prints is no schema of this program"
            raise SettingsError(msg, help="hitl-fsm --app app:engine schema --tools > tools.json")
        _print_tools(session)
        return
    made = schemas()
    if name is not None and name not in made:
        msg = f"there is no schema {name!r}"
        known = ", ".join(one for one in made if "/" not in one)
        raise SettingsError(msg, help=f"there are {known}, and record/EVENT.v1 for each event of the record")
    chosen = made if name is None else {name: made[name]}
    if out is None:
        json_document(chosen if name is None else made[name])
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for one, document in chosen.items():
            file = out / file_name(one)
            file.parent.mkdir(exist_ok=True)
            file.write_text(file_text(document), encoding="utf-8")
            line(visible(str(file)))
    except OSError as error:
        msg = f"{error.filename or out} cannot be written: {error.strerror}"
        raise SettingsError(msg, help="name a directory that you may write to") from error
    say(session, f"{len(chosen)} written")


def _print_tools(session: Session) -> None:
    from hitl_fsm.policy.catalogue import catalogue_of  # noqa: PLC0415 - with the application
    from hitl_fsm.runtime.tools.catalogue import tool_shapes  # noqa: PLC0415 - as above

    made = catalogue_of(tool_shapes(session.need_app()).values())
    json_document(made)
    say(session, f"{len(made.tools)} tools")
