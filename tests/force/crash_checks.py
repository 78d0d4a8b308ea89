"""What must be true of the run of `crash_votes` when it has ended, whoever died, beside one in which nobody did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from crash_votes import IDEMPOTENT, Play

from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.core.replay import replay
from hitl_fsm.model import event as events
from hitl_fsm.model.event import Entry
from hitl_fsm.runtime.loop import run_sync

PAGE = 10_000
ONCE = (
    "requirement_reminded",
    "requirement_escalated",
    "requirement_vote_withdrawn",
    "approval_revoked",
    "break_glass",
    "override_reviewed",
    "grant_made",
)
"""Lines of the record that this run writes once each."""
USES = 2
"""Calls that the grant passes."""


def wrong_with(play: Play, peace: Play) -> list[str]:
    """All of it; nothing writes any more."""
    (row,) = run_sync(play.store.runs())
    stored = run_sync(play.store.load(row.run_id))
    assert stored is not None
    lines = [msgspec.json.decode(line.body) for line in run_sync(play.store.records(limit=PAGE))]
    return [
        *_outside(play, peace),
        *_votes(play, stored.entries),
        *_grant(play, lines),
        *_notices(play, peace, lines),
        *_handed(play, peace, lines),
        *_record(play, stored.entries, lines),
    ]


def _outside(play: Play, peace: Play) -> Iterator[str]:
    if play.output != peace.output:
        yield f"it ended with {play.output}"
    if sorted(play.effects) != sorted(peace.effects):
        yield f"what happened is {sorted(play.effects)}"


def _votes(play: Play, entries: Sequence[Entry]) -> Iterator[str]:
    """What somebody was told to be durable is there; nobody has two votes on one question at once."""
    logged: Counter[tuple[str, str, str]] = Counter()
    voting: set[tuple[str, str]] = set()
    for entry in entries:
        match entry.event:
            case events.AnswerRecorded(about, answer):
                logged[about, entry.by.id, str(answer.__struct_config__.tag)] += 1
                if (about, entry.by.id) in voting:
                    yield f"{entry.by.id} has two votes on {about}"
                voting.add((about, entry.by.id))
            case events.VoteWithdrawn(about):
                logged[about, entry.by.id, "withdraw"] += 1
                voting.discard((about, entry.by.id))
            case events.ApprovalRevoked(about):
                logged[about, entry.by.id, "revoke"] += 1
            case _:
                pass
    if lost := Counter(play.acknowledged) - logged:
        yield f"what was acknowledged is lost: {lost}"


def _grant(play: Play, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """It is counted as often as it passed a call."""
    (grant,) = run_sync(play.store.grants())
    used = sum(line["event"] == "grant_used" for line in lines)
    if (grant.used, grant.spent, used) != (USES, Decimal(50), USES):
        yield f"the grant was used {grant.used} times, for {grant.spent}; the record has {used}"


def _notices(play: Play, peace: Play, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each is told under one id, at each attempt; none is left out, and none told of what the record has not."""
    said: dict[str, set[bytes]] = defaultdict(set)
    for notice in play.sent:
        said[notice.id].add(msgspec.json.encode(notice))
    yield from (f"{one} was sent in two versions" for one, versions in said.items() if len(versions) > 1)
    kept = run_sync(play.store.deliveries(kind="notice", limit=PAGE))
    yield from (f"{one.delivery_id} is {one.state}" for one in kept if one.state not in {"sent", "dropped"})
    if {one.delivery_id for one in kept if one.state == "sent"} - said.keys():
        yield "what was kept as sent never was"
    if said.keys() - {one.delivery_id for one in kept}:
        yield "something was sent that is not kept"
    if _news(play) != _news(peace):
        yield f"told were {_news(play)}"
    told = Counter(line["event"] for line in lines)
    heard: Counter[str] = Counter()
    for (event, _, _), count in _news(play).items():
        heard[event] += count
    if heard - told:
        yield f"more was told than happened: {heard - told}"


def _news(play: Play) -> Counter[tuple[str, str, int]]:
    """What there was to hear, for who drops what comes under the same id again."""
    return Counter((one.event, one.tool, one.level) for one in {notice.id: notice for notice in play.sent}.values())


def _handed(play: Play, peace: Play, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Once, but for a route that knows it again; each began on the record before."""
    begun = Counter(line["data"]["route"] for line in lines if line["event"] == "dispatch_begun")
    for name, idempotent in IDEMPOTENT.items():
        given = [handover for route, handover in play.handed if route == name]
        if len({(one.requirement_id, one.idempotency_key, one.digest) for one in given}) > 1:
            yield f"{name} was given different calls"
        if len(given) > 1 and not idempotent:
            yield f"{name} was given one call {len(given)} times"
        if len({one.attempt for one in given}) != len(given) or begun[name] < len(given):
            yield f"{name} was given one attempt twice, or before it was on record"
        if idempotent and not given:
            yield f"{name} was given nothing"
    kept = run_sync(play.store.deliveries(kind="dispatch", limit=PAGE))
    if len(kept) != len(IDEMPOTENT) or any(one.state not in {"sent", "unknown", "dead"} for one in kept):
        yield f"the dispatches are {[(one.target, one.state) for one in kept]}"


def _record(play: Play, entries: Sequence[Entry], lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """It holds together, tells each thing once, and is what the log and the rows say."""
    stored = run_sync(play.store.records(limit=PAGE))
    report = verify(stored, expect=Head(*run_sync(play.store.head())))
    if not report.intact:
        yield f"the record is not intact: {report.findings}"
    told = Counter(line["event"] for line in lines)
    yield from (f"the record has {told[event]} x {event}" for event in ONCE if told[event] != 1)
    run, _ = replay(entries)
    assert run is not None
    rows = {
        one.requirement_id: one for one in run_sync(play.store.requirements(run_id=run.run_id, state=None, limit=PAGE))
    }
    if any(rows[one.requirement_id] != one for one in run.requirements) or len(rows) != run.requirement_count:
        yield "the questions are not what the log says"
    if any(one.state.value == "open" for one in rows.values()):
        yield "a question is open"
    if run_sync(play.store.next_timer()) is not None:
        yield "a timer is left"
    if run_sync(play.store.overrides()):
        yield "nobody looked at the override"
