"""What people say who tell the truth, in the machine and in the simulation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from stateful.shop import RETRIES, Effect, gate_of

ALICE = Actor("alice")
MARIA = Actor("maria", roles=("finance",))
OTTO = Actor("otto", roles=("finance",))
ROB = Actor("rob", roles=("ops",))


def truthful(
    row: Requirement, entries: Sequence[Entry], rows: Iterable[Requirement], effects: Iterable[Effect]
) -> tuple[Answer, Actor]:
    """An answer that fits, by who may give it; of a lost call, what the witness says."""
    gate = gate_of(row)
    by = ALICE if gate in {"confirm", "user_input", "review"} else ROB if row.escalated else MARIA
    if any(vote.by.id == by.id for vote in row.votes):
        by = OTTO
    match gate:
        case "confirm" | "approval":
            given: Answer = answers.Approve()
        case "user_input":
            asked = row.question.schema["properties"]  # type: ignore[union-attr]
            given = answers.Provide(dict.fromkeys(asked, "because"))
        case "external":
            given = answers.Report(None)
        case "review" | "review:finance":
            given = answers.Accept()
        case _:
            known = _attempts_before(entries, rows, row)
            mine = (effect for effect in effects if (effect.run_id, effect.call_id) == (row.run_id, row.call_id))
            acted = any(effect.attempt > known for effect in mine)
            given = answers.Happened(None) if acted else answers.NotHappened()
    return given, by


def may_run_again(row: Requirement) -> bool:
    """Whether a reviewer may have it run once more."""
    return row.execution <= RETRIES.get(gate_of(row), 0) and not row.substituted


def distinct(given: Answer, note: str) -> Answer:
    """The answer under a note that names it; a result that it brings is known wherever it turns up, too."""
    match given:
        case answers.Report():
            given = answers.Report({"ok": True, "by": note})
        case answers.Happened():
            given = answers.Happened(f"<told {note}>")
        case answers.Respond():
            given = answers.Respond({"ok": True, "instead": note})
        case answers.EditResult():
            given = answers.EditResult({"ok": True, "edited": note})
        case _:
            pass
    return msgspec.structs.replace(given, note=note)


def _attempts_before(entries: Sequence[Entry], rows: Iterable[Requirement], row: Requirement) -> int:
    """The starts of a call before a reviewer sent it back, the last time."""
    call_id = row.call_id
    of_call = {one.requirement_id for one in rows if (one.run_id, one.call_id) == (row.run_id, call_id)}
    started = sent_back = 0
    for entry in entries:
        match entry.event:
            case events.CallsStarted(call_ids) if call_id in call_ids:
                started += 1
            case events.AnswerRecorded(requirement_id, answers.Retry()) if requirement_id in of_call:
                sent_back = started
            case _:
                pass
    return sent_back
