"""`audit erase`: forgetting a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.record.keeping import Erased


def erase_subject(
    ctx: typer.Context,
    subject: Annotated[str, typer.Option("--subject", metavar="WHO", help="The person, by the id that runs have.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on the record.")],
    scrub: Annotated[
        bool, typer.Option("--scrub/--no-scrub", help="Write the database's files anew afterwards (SQLite).")
    ] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_: As = None,
) -> None:
    """Forget a person, for good: their runs, and all that the record is committed to about them.

    The lines of the record stay, with ids and hashes, and verify. Refused while a legal hold covers the person, or
    while one of their runs has not ended. Of somebody who was erased before, only the files are written anew.
    Backups, and what was exported, are not reached.

    JSON: {"subject", "lines", "runs", "scrubbed"}.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, warn  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    by = typist(session, as_)
    if not yes:
        confirm(f"forget {subject}, and all runs about {subject}, for good")
    erased = session.engine().audit.erase(subject, by=by, reason=reason, scrub=scrub)
    if session.json:
        json_document(erased._asdict())
    else:
        line(visible(_told(erased)))
    if scrub and not erased.scrubbed:
        warn("what was deleted may still be in the database's files: see `docs/how-to/forget-a-person.md`")


def confirm(what: str) -> None:
    """Ask at a terminal; elsewhere only --yes says that it is meant."""
    from hitl_fsm.cli.output import warn  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.terminal import agreed, is_interactive  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    if not is_interactive():
        msg = visible(f"this would {what}; --yes says that it is meant")
        raise typer.BadParameter(msg, param_hint="--yes")
    if not agreed(visible(f"{what[0].upper()}{what[1:]}?")):
        warn("nothing was done")
        raise typer.Exit(1)


def _told(erased: Erased) -> str:
    if not (erased.lines or erased.runs):
        return f"{erased.subject} was erased before, and nothing is kept"
    return f"erased {erased.subject}: the contents of {_many(erased.lines, 'line')}, {_many(erased.runs, 'run')}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
