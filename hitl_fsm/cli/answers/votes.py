"""Around a vote: neither yes nor no, taken back, past the others in an emergency, and what somebody thinks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast, get_args

import typer

from hitl_fsm.cli.answers.answering import (
    Looked,
    answer_each,
    each,
    give,
    leave,
    look_at,
    look_at_open,
    refuse_kind,
    tell,
)
from hitl_fsm.cli.answers.filtering import one_of
from hitl_fsm.cli.answers.identity import As, typist
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

Opinion = Literal["approve", "reject", "unsure"]
Requirement = Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")]
Note = Annotated[str | None, typer.Option(help="Kept on the record.")]


def abstain(ctx: typer.Context, requirement: Requirement, note: Note = None, as_: As = None) -> None:
    """Say neither yes nor no to a question that was put to you.

    It counts for nothing, and you do not vote on it again, unless you withdraw it.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """

    def make(looked: Looked) -> answers.Answer:
        if looked.shown.kind != "approval":
            raise refuse_kind(looked.shown, "abstain")
        return answers.Abstain(note)

    answer_each(ctx.obj, [requirement], make, speaker=as_)


def advise(
    ctx: typer.Context,
    requirement: Requirement,
    opinion: Annotated[str, typer.Argument(metavar="OPINION", help="approve, reject or unsure.")],
    note: Annotated[str | None, typer.Option(help="Why; those who decide read it.")] = None,
    as_: As = None,
) -> None:
    """Say what you think of a question, without deciding it.

    Anybody may; those who decide see it, and it never counts.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    thought = cast("Opinion", one_of(opinion, get_args(Opinion), "OPINION"))
    answer_each(ctx.obj, [requirement], lambda _: answers.Advise(thought, note), speaker=as_)


def _take_back(
    session: Session, requirement: str, word: Literal["withdraw", "revoke"], note: str | None, as_: str | None
) -> None:
    """A vote, or a yes, as the typist's."""

    def do(name: str) -> None:
        looked, engine = look_at(session, name), session.engine()
        take = engine.withdraw if word == "withdraw" else engine.revoke
        tell(session, looked, word, take(name, by=typist(session, as_), note=note).value)

    leave(each(session, [requirement], do))


def withdraw(ctx: typer.Context, requirement: Requirement, note: Note = None, as_: As = None) -> None:
    """Take your vote back, while the question is open.

    It is then as if you had not voted, and you may vote again.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    _take_back(ctx.obj, requirement, "withdraw", note, as_)


def revoke(
    ctx: typer.Context,
    requirement: Requirement,
    note: Annotated[str, typer.Option(help="Why; kept on the record.")],
    as_: As = None,
) -> None:
    """Take a yes back, until the action begins.

    Its question is asked again, and a grant that came of it ends. What has begun is not undone.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    _take_back(ctx.obj, requirement, "revoke", note, as_)


def break_glass(
    ctx: typer.Context,
    requirement: Requirement,
    note: Annotated[str, typer.Option(help="The emergency; kept on the record, for who reviews it.")],
    tool: Annotated[
        str | None, typer.Option("--tool", metavar="NAME", help="The tool's name; on a terminal you are asked for it.")
    ] = None,
    as_: As = None,
) -> None:
    """Say yes alone, past the others, in an emergency.

    Only where the policy names you for that. Somebody else has to look at it afterwards, and that stays open until it
    is done. So that it does not happen by mistake, you type the tool's name; elsewhere than on a terminal, --tool has
    it.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """
    session: Session = ctx.obj

    def do(name: str) -> None:
        looked = look_at_open(session, name)
        if looked.shown.kind != "approval":
            raise refuse_kind(looked.shown, "break-glass")
        seen = _check_name(session, looked, tool, as_)
        give(session, looked, answers.BreakGlass(note), typist(session, as_), seen=seen)

    leave(each(session, [requirement], do))


def _check_name(session: Session, looked: Looked, typed: str | None, speaker: str | None) -> bool:
    """AnswerRefused unless the tool's name was typed. Whether the question was on the screen before."""
    from hitl_fsm.cli.answers.viewing import put_before  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import warn  # noqa: PLC0415 - as above
    from hitl_fsm.cli.terminal import ask, is_interactive  # noqa: PLC0415 - as above

    shown, is_asked = looked.shown, typed is None and is_interactive()
    if is_asked:
        put_before(session, looked, speaker)
        warn("", "You say yes alone, past everybody else who is asked. Somebody else will look at it.")
        typed = ask("To go on, type the tool's name:")
    if typed != shown.tool:
        msg = f"{shown.id}: {'its tool has another name' if typed else 'the name of its tool was not given'}"
        raise AnswerRefused(msg, help=f"type it on a terminal, or say --tool {shown.tool}; nothing was recorded")
    return is_asked
