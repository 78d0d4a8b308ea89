"""`inbox`: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.filtering import KINDS, RISKS, Wanted, one_of, span_ms
from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.answers.listed import NOTHING, Listed, Source, tell
from hitl_fsm.cli.listing import open_requirements
from hitl_fsm.cli.output import warn
from hitl_fsm.errors import HitlError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_fsm.cli.answers.filtering import Person
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store
    from hitl_fsm.runtime.engine import Engine

NOTHING_SUCH = "nothing of that waits for a person; `hitl-fsm inbox` lists all that does"


def inbox(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only those of this run.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you may answer now.")] = False,
    tool: Annotated[
        str | None, typer.Option("--tool", metavar="PATTERN", help="Only of these tools; `*` stands for any text.")
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Only those that it asks for.")] = None,
    risk: Annotated[
        str | None, typer.Option("--risk", metavar="LEVEL", help=f"Of this severity or above: {', '.join(RISKS)}.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help=f"One of {', '.join(KINDS)}.")] = None,
    expiring: Annotated[
        str | None, typer.Option("--expiring", metavar="SPAN", help="Only what expires so soon: 30m, 4h, 2d.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only the oldest so many of these.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and tell what changes, until Ctrl-C.")] = False,
    tui: Annotated[bool, typer.Option("--tui", help="A full-screen inbox (needs the extra `tui`).")] = False,
    as_: As = None,
) -> None:
    """List the open questions of all runs, oldest first.

    Marks: the votes so far (`1/2`), `!` where `show` has a reason to look twice, and `policy changed` where the
    policies of the application now ask for more than the question was raised by.

    JSON lines: {"id", "run", "kind", "severity", "agent", "user", "tool", "args", "digest", "stage", "stages",
    "opened_at", "expires_at", "path", "votes", "flags", "policy_changed"}; times are RFC 3339, `expires_at` and `votes`
    may be null; `path` leads from the run down to who asks. With --watch each line has "change" first: "opened",
    "changed" or "closed"; a closed one has its "state".
    """
    session: Session = ctx.obj
    span = None if expiring is None else span_ms(expiring, "--expiring")
    wanted = Wanted(run, tool, agent, one_of(risk, RISKS, "--risk"), one_of(kind, KINDS, "--kind"), span, limit)
    if as_ is not None and not (mine or tui):
        msg = "--as says whose questions --mine lists, and who answers in --tui"
        raise SettingsError(msg, help="give one of these, or leave --as out")
    source = _source(session, wanted, mine=mine, tui=tui, speaker=as_)
    if tui:
        _full_screen(session, source, as_)
    elif watch:
        from hitl_fsm.cli.answers.watch import keep_telling  # noqa: PLC0415 - only then

        keep_telling(session, source)
    else:
        tell(session, source.look(), source.nothing)


def _full_screen(session: Session, source: Source, speaker: str | None) -> None:
    try:
        from hitl_fsm.cli.answers.tui import run_tui  # noqa: PLC0415 - textual is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        msg = "the full-screen inbox needs the package textual, which is not installed"
        raise SettingsError(msg, help="pip install 'hitl-fsm[tui]'; `inbox --watch` needs nothing") from error
    run_tui(session, source.look, speaker)


def _source(session: Session, wanted: Wanted, *, mine: bool, tui: bool, speaker: str | None) -> Source:
    from hitl_fsm.cli.answers.filtering import typing_person  # noqa: PLC0415 - not for --help

    store = session.engine().store if mine or tui else session.open_store()
    narrowed = mine or wanted != Wanted()
    look = looking(session, store, wanted, typing_person(session, speaker) if mine else None)
    return Source(store, look, NOTHING_SUCH if narrowed else NOTHING)


def looking(session: Session, store: Store, wanted: Wanted, who: Person | None) -> Callable[[], list[Listed]]:
    """What looks at the open questions, each time anew; `who`: only those that this person may answer."""
    from hitl_fsm.cli.answers.filtering import is_affected, reader  # noqa: PLC0415 - not for --help
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above

    engine: Engine | None = None

    def look() -> list[Listed]:
        nonlocal engine
        now, listed = now_ms(), list[Listed]()
        found = [one for one in open_requirements(store) if wanted.takes(one, now)]
        if found and engine is None:
            engine = _judging(session)
        run_of = reader(store) if who or engine else lambda _: None
        for one in found:
            if len(listed) == wanted.most:
                break
            run = run_of(one.run_id)
            if who is None or (run is not None and who.may_answer(one, run, now)):
                listed.append(Listed(one, engine is not None and run is not None and is_affected(engine, one, run)))
        return listed

    return look


def _judging(session: Session) -> Engine | None:
    """Whose policies are those of now. An application that does not load takes its mark from the list, not the list."""
    try:
        return session.engine() if session.app_loaded else None
    except HitlError as failed:
        warn(f"what a changed policy affects is not marked: {failed.code} {failed.message}")
        return None
