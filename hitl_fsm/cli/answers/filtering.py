"""Which open questions a list shows, and what is to be noticed about each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import typer

from hitl_fsm.errors import HitlError
from hitl_fsm.policy.patterns import matches
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.actor import Actor
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run
    from hitl_fsm.ports import Store
    from hitl_fsm.runtime.engine import Engine

RISKS = ("low", "medium", "high", "critical")
KINDS = ("confirm", "approval", "user_input", "external", "review", "outcome")


class Wanted(NamedTuple):
    """Empty: all of them. `risk` is the least severity; `expiring_ms`: how soon it must expire; `most`: so many."""

    run: str | None = None
    tool: str | None = None
    agent: str | None = None
    risk: str | None = None
    kind: str | None = None
    expiring_ms: int | None = None
    most: int | None = None

    def takes(self, one: Requirement, now: int) -> bool:
        """Whether the question is one of those that are wanted."""
        return (
            self.run in {None, one.run_id}
            and self.agent in {None, one.agent}
            and self.kind in {None, one.kind}
            and (self.tool is None or matches(self.tool, one.tool))
            and (self.risk is None or RISKS.index(one.severity) >= RISKS.index(self.risk))
            and (self.expiring_ms is None or _within(one.expires_at, now, self.expiring_ms))
        )


def one_of(value: str | None, known: tuple[str, ...], option: str) -> str | None:
    """The value of an option that takes one of some words; Typer's BadParameter for another."""
    if value is not None and value not in known:
        msg = f"{value!r} is not one of {', '.join(known)}"
        raise typer.BadParameter(msg, param_hint=option)
    return value


def span_ms(text: str, option: str) -> int:
    """`30m`, `4h`, `2d` in milliseconds; Typer's BadParameter for anything else."""
    from hitl_fsm.model.age import age_ms  # noqa: PLC0415 - only with the option

    found = age_ms(text)
    if found is None:
        msg = f"{text!r} is no span of time: write a number and a unit, 30m, 4h or 2d"
        raise typer.BadParameter(msg, param_hint=option)
    return found


def _within(then: int | None, now: int, span: int) -> bool:
    return then is not None and then - now <= span


class Person(NamedTuple):
    """Whose questions are looked for. `person`: from an id to the person whose id it is."""

    actor: Actor
    person: Callable[[str], str]

    def may_answer(self, one: Requirement, run: Run, now: int) -> bool:
        """Whether the engine would take an answer from this person now, as far as the person goes."""
        from hitl_fsm.core.who import involved, objection  # noqa: PLC0415 - only with --mine

        late = one.expires_at is not None and one.expires_at <= now
        early = one.answerable_from is not None and now < one.answerable_from
        if late or early or getattr(one.question, "silent", False):
            return False
        return not objection(one, self.actor, None, involved(run, one, self.person), self.person)


def typing_person(session: Session, speaker: str | None) -> Person:
    """Who types, and who is the same person, as far as the application knows."""
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - only with --mine
    from hitl_fsm.core.who import itself  # noqa: PLC0415 - as above

    return Person(typist(session, speaker), session.engine().parts.person if session.app_loaded else itself)


def reader(store: Store) -> Callable[[str], Run | None]:
    """What reads runs, one at a time; None for one that is not there any more. Only the last one is kept.

    The questions of a run stand together in a list, so that each run is read once, however many there are.
    """
    from hitl_fsm.cli.reading import report  # noqa: PLC0415 - a plain list reads no run

    seen: dict[str, Run | None] = {}

    def run_of(run_id: str) -> Run | None:
        if run_id not in seen:
            seen.clear()
            stored = run_sync(store.load(run_id))
            seen[run_id] = None if stored is None else report(stored.entries).run
        return seen[run_id]

    return run_of


def is_affected(engine: Engine, one: Requirement, run: Run) -> bool:
    """Whether the engine's policies ask for more than the question was raised by (law 15); not where it is pinned."""
    from hitl_fsm.runtime.agents.judge import judge_now  # noqa: PLC0415 - only with an application

    call = next((call for call in run.calls if call.call_id == one.call_id), None)
    if call is None:
        return False
    try:
        return judge_now(engine.parts, run, call) != call.verdict
    except HitlError:
        return True  # what cannot be judged any more does not go on as it is
