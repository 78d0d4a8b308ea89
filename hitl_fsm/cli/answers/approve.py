"""`approve`, `reject` and `retry`: yes, no, and once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from hitl_fsm.cli.answers.answering import Looked, answer_each, refuse_kind
from hitl_fsm.cli.answers.identity import As
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model import answer as answers

if TYPE_CHECKING:
    from hitl_fsm.cli.answers.together import Prepared
    from hitl_fsm.cli.page import Lines
    from hitl_fsm.cli.session import Session

_YES: dict[str, Callable[[dict[str, Any] | None, str | None, answers.GrantTerms | None], answers.Answer]] = {
    "confirm": answers.Approve,
    "approval": answers.Approve,
    "outcome": lambda _, note, __: answers.NotHappened(note),
    "review": lambda _, note, __: answers.Accept(note),
}
_NO_ARGUMENTS = {
    "outcome": "a call that was lost runs as it was approved; its arguments cannot be changed",
    "review": "the call has run, its arguments cannot be changed; `hitl-fsm result` gives another result",
}

Requirements = Annotated[list[str], typer.Argument(metavar="REQ…", help="As `inbox` lists them.")]


class Asked(NamedTuple):
    """What the options of `approve` ask for."""

    note: str | None
    grant: answers.GrantTerms | None
    whole: dict[str, Any] | None
    changes: dict[str, str]
    edit: bool

    @property
    def edits(self) -> bool:
        """Whether the arguments are to be changed."""
        return self.edit or self.whole is not None or bool(self.changes)


def approve(
    ctx: typer.Context,
    requirements: Requirements,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change one argument: JSON, or text where it was text."),
    ] = None,
    args: Annotated[
        str | None,
        typer.Option("--args", "--data", metavar="JSON|@FILE", help="Replace the arguments by this object."),
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Change the arguments of one in $VISUAL or $EDITOR.")] = False,
    grant: Annotated[
        str | None,
        typer.Option("--grant", metavar="run|session|agent", help="Do not ask about the same again, where it is so."),
    ] = None,
    uses: Annotated[int | None, typer.Option("--uses", min=1, help="The grant is for so many more calls.")] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="SPAN", help="The grant is for so long: 30m, 4h, 2d.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="N", help="The grant is for so much in all.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Kept on the record.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not show and ask first; elsewhere: several tools at once.")
    ] = False,
    as_: As = None,
) -> None:
    """Say yes to one or several questions.

    On a terminal each question is shown; those of one tool are then asked about once, y/N. Elsewhere, or with --yes,
    this is the answer; for several tools at once it takes --yes. It is bound to what was read: if that changes
    meanwhile, nothing is recorded. Where several people are asked it is a vote, and `state` stays open until there are
    enough.

    Changed arguments (--set, --args, --edit) are checked and judged by the policies again, which may ask somebody else;
    that needs --app. A grant reaches as far as the policy offers. To a call that was lost (kind `outcome`), approve
    says: it did not happen, run it. To a review it says: the agent may have this result.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}; `votes` is
    {"yes", "needed", "no", "no_needed", "abstained", "advice"}, or null where one answer decides.
    """
    from hitl_fsm.cli.answers.granting import grant_terms  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.answers.together import answer_together  # noqa: PLC0415 - as above
    from hitl_fsm.cli.values import assignments, json_object  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    whole = None if args is None else json_object(args, "--args")
    asked = Asked(note, grant_terms(grant, uses, for_, budget), whole, assignments(set_ or []), edit)
    _refuse_several(requirements, asked)
    answer_together(session, requirements, lambda looked: _prepared(session, looked, asked, as_), yes=yes, speaker=as_)


def reject(
    ctx: typer.Context,
    requirements: Requirements,
    note: Annotated[str | None, typer.Option(help="Why; the agent reads it.")] = None,
    as_: As = None,
) -> None:
    """Say no to one or several questions, for good.

    The agent is told, with the note, and the action never runs; where the policy wants several to say no, it is a vote.
    To a call that was lost (kind `outcome`), reject says: nobody knows, give up on it. To a review, it says: the agent
    never gets this result; the call itself has run.

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """

    def make(looked: Looked) -> answers.Answer:
        return answers.GiveUp(note) if looked.shown.kind == "outcome" else answers.Reject(note)

    answer_each(ctx.obj, requirements, make, speaker=as_)


def retry(
    ctx: typer.Context,
    requirements: Requirements,
    note: Annotated[str | None, typer.Option(help="Why; kept on the record.")] = None,
    as_: As = None,
) -> None:
    """In a review: the result goes nowhere, run the call again.

    It takes effect a second time, unless the tool is idempotent, so every gate before it is asked again. The policy
    says how often (`retries`).

    JSON lines: {"id", "answer", "state", "votes", "digest", "run", "run_state", "open"}, or {"id", "error"}.
    """

    def make(looked: Looked) -> answers.Answer:
        if looked.shown.kind != "review":
            raise refuse_kind(looked.shown, "retry")
        return answers.Retry(note)

    answer_each(ctx.obj, requirements, make, speaker=as_)


def _refuse_several(requirements: Sequence[str], asked: Asked) -> None:
    if asked.edit and len(set(requirements)) > 1:
        msg = "an editor is opened for one question at a time"
        raise typer.BadParameter(msg, param_hint="--edit")


def _prepared(session: Session, looked: Looked, asked: Asked, speaker: str | None) -> Prepared:
    from hitl_fsm.cli.answers.together import Prepared  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.answers.viewing import put_before  # noqa: PLC0415 - as above

    refuse_options(looked, asked)
    if asked.edit:  # an editor shows the arguments
        put_before(session, looked, speaker)
    changed = changed_args(looked, asked) if asked.edits else None
    answer = yes_to(session, looked, asked, changed)
    return Prepared(looked, answer, beside(looked, asked, changed))


def yes_to(session: Session, looked: Looked, asked: Asked, changed: dict[str, Any] | None) -> answers.Answer:
    """The yes that these options ask for; AnswerRefused where the engine would refuse the change, or the grant."""
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - loaded with the engine
    from hitl_fsm.runtime.outside import check  # noqa: PLC0415 - as above

    answer = _YES[looked.shown.kind](changed, asked.note, asked.grant)
    if changed is not None or asked.grant is not None:
        run_sync(check(session.engine(), looked.shown.id, answer))
    return answer


def refuse_options(looked: Looked, asked: Asked) -> None:
    """AnswerRefused where a question of this kind takes no yes, or not with these options."""
    shown = looked.shown
    if shown.kind not in _YES:
        raise refuse_kind(shown, "approve")
    if shown.kind in _NO_ARGUMENTS and asked.edits:
        msg = f"{shown.id}: {_NO_ARGUMENTS[shown.kind]}"
        raise AnswerRefused(msg, help="leave out --set, --args and --edit")
    if shown.kind in _NO_ARGUMENTS and asked.grant is not None:
        msg = f"{shown.id} is a question of kind {shown.kind}; no grant comes of it"
        raise AnswerRefused(msg, help="leave out --grant")


def changed_args(looked: Looked, asked: Asked) -> dict[str, Any] | None:
    """The new arguments, None where they stay; what was text stays text (`--set order_id=42`).

    What a person is not shown is masked in them, and the engine leaves it as it was.
    """
    from hitl_fsm.cli.values import typed  # noqa: PLC0415 - as it is used

    args = looked.shown.args
    base = args if asked.whole is None else asked.whole

    def kind(name: str) -> str | None:
        return "string" if isinstance(args.get(name), str) else None

    whole = {**base, **typed(asked.changes, kind)}
    if not asked.edit:
        return whole
    from hitl_fsm.cli.answers.editing import UNCHANGED, edited  # noqa: PLC0415 - only with --edit

    shown = looked.shown
    header = (
        f"{shown.id}: the arguments of {shown.tool}, of {shown.run}, for {shown.user}.",
        "One JSON object. Lines that begin with # before it are left out; what says ⟦masked⟧ stays as it is.",
        "An unchanged file changes nothing. Leave the editor with an error to record nothing at all.",
    )
    found = edited(whole, header)
    if found is not UNCHANGED:
        whole = found
    return None if whole == args else whole


def beside(looked: Looked, asked: Asked, changed: dict[str, Any] | None) -> tuple[Lines, ...]:
    """What a yes does beside: changed arguments, as a diff, and a grant."""
    from hitl_fsm.cli.page import Lines  # noqa: PLC0415 - as it is used

    found: list[Lines] = []
    if changed is not None:
        from hitl_fsm.cli.answers.editing import change_lines  # noqa: PLC0415 - as it is used
        from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - as above

        then = masked(changed, looked.requirement.sensitive)
        found.append(Lines("you change the arguments to", change_lines(looked.shown.args, then), "warn"))
    if asked.grant is not None:
        from hitl_fsm.cli.answers.granting import grant_lines  # noqa: PLC0415 - as above

        offer = getattr(looked.requirement.question, "grant", None)
        found.append(Lines("and the same need not be asked again", grant_lines(asked.grant, offer), "warn"))
    return tuple(found)
