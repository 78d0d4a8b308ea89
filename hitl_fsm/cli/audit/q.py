"""`audit q`: questions that a reviewer asks of the record."""
# ruff: noqa: ARG001 - the options of questions are read from the context, by name

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.audit.questions.question import Answer, Column
    from hitl_fsm.cli.session import Session

EXIT_FOUND = 1


class AnswerFormat(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


def _given(name: str, metavar: str, help_: str) -> Any:
    return typer.Option(name, metavar=metavar, help=help_)


Text = str | None
PARAMETERS = (
    *("since", "until", "at", "agent", "tool", "approver", "user", "reader", "role", "run", "kinds", "flag"),
    *("ways", "within", "after", "under", "count", "at_least", "share", "limit_minor", "hours", "days", "zone"),
)
"""The options that are the questions' own."""
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="At most so many rows.")]
Anew = Annotated[bool, typer.Option("--anew", help="Read and hash every line again, whatever was read before.")]
Form = Annotated[AnswerFormat | None, typer.Option("--format", help="A table, JSON, or CSV; else as other commands.")]


def ask_record(
    ctx: typer.Context,
    name: Annotated[Text, typer.Argument(metavar="[NAME]", help="The question; without one, all are listed.")] = None,
    since: Annotated[
        Text, _given("--since", "WHEN", "From then on: 2026-10-01, 2026-10-01T12:00:00Z, 30d, 12h.")
    ] = None,
    until: Annotated[Text, _given("--until", "WHEN", "Up to then.")] = None,
    at: Annotated[Text, _given("--at", "WHEN", "As it was then.")] = None,
    agent: Annotated[Text, _given("--agent", "NAME", "Only of this agent.")] = None,
    tool: Annotated[Text, _given("--tool", "NAME", "Only of this tool.")] = None,
    approver: Annotated[Text, _given("--approver", "WHO", "Only of this person.")] = None,
    user: Annotated[Text, _given("--user", "WHO", "Only for this user.")] = None,
    reader: Annotated[Text, _given("--reader", "WHO", "Only what this person read.")] = None,
    role: Annotated[Text, _given("--role", "NAME", "Only this role.")] = None,
    run: Annotated[Text, _given("--run", "RUN", "The run.")] = None,
    kinds: Annotated[Text, _given("--kinds", "LIST", "Kinds of gates, or of credentials.")] = None,
    ways: Annotated[Text, _given("--ways", "LIST", "What makes an action somebody's own: asked,began,edited.")] = None,
    flag: Annotated[Text, _given("--flag", "NAME", "Only with this mark.")] = None,
    within: Annotated[Text, _given("--within", "SPAN", "How close together: 5m, 24h, 7d.")] = None,
    after: Annotated[Text, _given("--after", "SPAN", "How long it must have waited.")] = None,
    under: Annotated[Text, _given("--under", "SPAN", "What counts as too quick.")] = None,
    count: Annotated[Text, _given("--count", "N", "How many make a burst, or a pair.")] = None,
    at_least: Annotated[Text, _given("--at-least", "N", "How many there must be to be told of.")] = None,
    share: Annotated[Text, _given("--share", "PERCENT", "How much of the whole.")] = None,
    limit_minor: Annotated[Text, _given("--limit-minor", "N", "A limit of sums, in minor units.")] = None,
    hours: Annotated[Text, _given("--hours", "HOURS", "Working hours: 08:00-18:00.")] = None,
    days: Annotated[Text, _given("--days", "DAYS", "Working days: mon-fri.")] = None,
    zone: Annotated[Text, _given("--zone", "ZONE", "A time zone: Europe/Berlin.")] = None,
    limit: Limit = 100,
    anew: Anew = False,
    format_: Form = None,
    as_: As = None,
) -> None:
    """Ask the record a question; without a name, list the questions. Who asked is on the record.

    Each question takes some of the options: docs/reference/questions.md. Exit 1 when the record does not hold together,
    or when there are rows where there must be none.
    JSON: {"question", "parameters", "lines", "leaf", "damage", "notes", "must_be_empty", "more", "rows"}, each row an
    object by column; without a name, JSON lines {"name", "asks", "learns", "must_be_empty", "parameters", "columns"}.
    """
    session: Session = ctx.obj
    form = format_ or (AnswerFormat.JSON if session.json else AnswerFormat.TEXT)
    if name is None:
        _list(session, form)
        return
    given = {one: ctx.params[one] for one in PARAMETERS if ctx.params[one] is not None}
    answer = _ask(session, name, given, limit, anew, as_)
    if form is AnswerFormat.TEXT:
        _title(session, name, given)
        _tell(session, answer)
    elif form is AnswerFormat.JSON:
        from hitl_fsm.cli.output import json_document  # noqa: PLC0415 - as it is used

        json_document(as_object(answer))
    else:
        _as_csv(answer)
    _say(session, answer)
    if not answer.is_clean:
        raise typer.Exit(EXIT_FOUND)


def _ask(session: Session, name: str, given: dict[str, Any], limit: int, anew: bool, as_: str | None) -> Answer:
    from hitl_fsm.adapters.questions.ask import ask  # noqa: PLC0415 - as it is used
    from hitl_fsm.audit.questions.all import question  # noqa: PLC0415 - as above
    from hitl_fsm.audit.questions.parameters import values  # noqa: PLC0415 - as above
    from hitl_fsm.audit.questions.question import Put  # noqa: PLC0415 - as above
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import warn  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.parts import SystemClock  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.asked import told_asked  # noqa: PLC0415 - as above

    found, now = question(name), now_ms()
    put = Put(found, values(found, given, now), now, limit, anew)
    store, by = session.open_store(), typist(session, as_)
    answer = run_sync(ask(store, put))
    why = run_sync(told_asked(store, SystemClock(), by, answer, given))
    if why:
        warn(f"that this was asked is not on the record: {why}")
    return answer


def _list(session: Session, form: AnswerFormat) -> None:
    from hitl_fsm.audit.questions.all import QUESTIONS  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above

    if form is not AnswerFormat.TEXT:
        for one in QUESTIONS.values():
            json_line(
                {
                    "name": one.name,
                    "asks": one.asks,
                    "learns": one.learns,
                    "must_be_empty": one.must_be_empty,
                    "parameters": [{"name": p.name, "default": p.default, "help": p.help} for p in one.parameters],
                    "columns": [{"name": c.name, "meaning": c.meaning} for c in one.columns],
                }
            )
        return
    rows = tuple((one.name, "empty" if one.must_be_empty else "", one.asks) for one in QUESTIONS.values())
    show(session, Page((Grid(("question", "must be", "asks"), rows),)))
    say(session, "`hitl-fsm audit q NAME` asks it; docs/reference/questions.md tells what each takes and teaches")


def _title(session: Session, name: str, given: dict[str, Any]) -> None:
    """What is asked, with every value that counts, also where it is the default, and what the columns are."""
    from hitl_fsm.audit.questions.all import question  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import say  # noqa: PLC0415 - as above

    found = question(name)
    counts = {one.name: given.get(one.name.replace("-", "_"), one.default) for one in found.parameters}
    asked = " ".join(f"--{one} {value}" for one, value in counts.items() if value not in ("", "0", None))
    columns = "; ".join(f"{one.name}: {one.meaning}" for one in found.columns)
    say(session, f"{found.asks}{f' ({asked})' if asked else ''}", columns)


def _tell(session: Session, answer: Answer) -> None:
    from hitl_fsm.cli.output import show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Lines, Page  # noqa: PLC0415 - as above

    blocks: list[Any] = []
    if answer.damage:
        blocks.append(Lines("the record does not hold together", answer.damage, "bad"))
    if answer.rows:
        head = tuple(f"{column.name}, minor" if column.kind == "money" else column.name for column in answer.columns)
        rows = tuple(
            tuple(_cell(value, column) for value, column in zip(row, answer.columns, strict=True))
            for row in answer.rows
        )
        blocks.append(Grid(head, rows))
    if blocks:
        show(session, Page(tuple(blocks)))


def _say(session: Session, answer: Answer) -> None:
    """What is not data: how far it reaches, what was left off, what to know."""
    from hitl_fsm.cli.output import say, warn  # noqa: PLC0415 - as it is used

    if answer.damage:
        warn(*(f"the record does not hold together: {one}" for one in answer.damage))
    if answer.more:
        warn(f"there are more than these {len(answer.rows)} rows: --limit")
    if not answer.rows and not answer.damage:
        least = answer.parameters.get("at_least")
        few = "" if least is None else f": fewer than {least} are left out, --at-least says how many"
        say(session, "nothing, as it should be" if answer.must_be_empty else f"nothing{few}")
    names = {column.name for column in answer.columns}
    if answer.rows and "run" in names:
        say(session, "`hitl-fsm audit q timeline --run RUN` tells the whole story of a row")
    elif answer.rows and "requirement" in names:
        say(session, "`hitl-fsm show REQ` tells what a question was about")
    say(session, *answer.notes, f"from {answer.lines} lines, each hashed, up to {answer.leaf[:16]}")


def _cell(value: Any, column: Column) -> str:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as it is used

    if value is None:
        return ""
    if column.kind == "time" and isinstance(value, int):
        return iso(value)
    if column.kind == "ms" and isinstance(value, int):
        return span(value)
    if column.kind == "percent":
        return f"{value:g} %"
    return str(value)[:16] if column.kind == "digest" else str(value)


def span(ms: int) -> str:
    """`340 ms`, `2.8 s`, `12 min`, `5.5 h`, `3.2 d`."""
    for unit, size, most in (("s", 1_000, 90_000), ("min", 60_000, 5_400_000), ("h", 3_600_000, 172_800_000)):
        if ms < 1_000:  # noqa: PLR2004 - a second
            return f"{ms} ms"
        if ms < most:
            return f"{ms / size:.3g} {unit}"
    return f"{ms / 86_400_000:.3g} d"


def as_object(answer: Answer) -> dict[str, Any]:
    """The whole of it as JSON; times RFC 3339, time spans in ms."""
    names = [column.name for column in answer.columns]
    return {
        "question": answer.question,
        "parameters": answer.parameters,
        "lines": answer.lines,
        "leaf": answer.leaf,
        "damage": list(answer.damage),
        "notes": list(answer.notes),
        "must_be_empty": answer.must_be_empty,
        "more": answer.more,
        "rows": [dict(zip(names, _plain(row, answer), strict=True)) for row in answer.rows],
    }


def _plain(row: tuple[Any, ...], answer: Answer) -> list[Any]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as it is used

    times = [column.kind == "time" for column in answer.columns]
    return [iso(value) if is_time and value is not None else value for value, is_time in zip(row, times, strict=True)]


def _as_csv(answer: Answer) -> None:
    from hitl_fsm.audit.export.csv import row, said  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import write  # noqa: PLC0415 - as above

    write(row(column.name for column in answer.columns))
    for one in answer.rows:
        write(row("" if value is None else said(value) for value in _plain(one, answer)))
