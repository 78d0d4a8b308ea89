"""What was said before: a run of a session goes on from the questions and answers of the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hitl_fsm.core.replay import replay
from hitl_fsm.core.start import let_through
from hitl_fsm.errors import InputRefused
from hitl_fsm.model import event as events
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import Message
from hitl_fsm.model.run import Run
from hitl_fsm.ports import Store

HISTORY_RUNS = 10
"""Earlier runs of its session that a new run reads, unless the agent says otherwise."""
HISTORY_CHARACTERS = 20_000
"""Characters of their questions and answers that it reads, unless the agent says otherwise; the latest come first."""
HISTORY_RUNS_MAX = 100
HISTORY_CHARACTERS_MAX = 1_000_000


class History(msgspec.Struct, frozen=True):
    """How much of its session a run reads: the last `runs` that are done, and no more than `characters` of them.

    A question and its answer are read whole or not at all. Raises InputRefused beyond the named bounds.
    """

    runs: int = HISTORY_RUNS
    characters: int = HISTORY_CHARACTERS

    def __post_init__(self) -> None:
        for name, most in (("runs", HISTORY_RUNS_MAX), ("characters", HISTORY_CHARACTERS_MAX)):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= most:
                msg = f"History({name}=…) must be a whole number from 0 to {most}"
                raise InputRefused(msg, help="it bounds what each new run of a session reads")


USUAL_HISTORY = History()


class Before(NamedTuple):
    """Questions and answers, in order, and the runs whose they are."""

    messages: tuple[Message, ...] = ()
    run_ids: tuple[str, ...] = ()


async def said_before(store: Store, run: Run, history: History) -> Before:
    """What the session's runs that are done asked and answered, of this user and this agent alone."""
    if not run.session or not history.runs:
        return Before()
    told: dict[str, tuple[Message, Message]] = {}
    room = history.characters
    for run_id in await store.session_runs(run, limit=history.runs):
        stored = await store.load(run_id)
        pair = None if stored is None else _pair(stored.entries)
        if pair is None:  # pruned meanwhile
            continue
        room -= sum(len(message.content) for message in pair)
        if room < 0:
            break
        told[run_id] = pair
    return Before(tuple(message for pair in reversed(told.values()) for message in pair), tuple(reversed(told)))


def _pair(entries: Sequence[Entry]) -> tuple[Message, Message] | None:
    """What a run was asked, and what it answered."""
    created = entries[0].event if entries else None
    replies = (entry.event for entry in reversed(entries))
    answer = next((one for one in replies if isinstance(one, events.ModelReplied) and not one.frame), None)
    if not isinstance(created, events.RunCreated) or answer is None:
        return None
    return Message(role="user", content=_asked(created, entries)), Message(role="assistant", content=answer.text)


def _asked(created: events.RunCreated, entries: Sequence[Entry]) -> str:
    """As its model read it: whoever let the run begin may have changed it first."""
    edited = any(isinstance(one.event, events.AnswerRecorded) and one.event.args is not None for one in entries)
    return let_through(created, replay(entries)[1])[0] if edited else created.input
