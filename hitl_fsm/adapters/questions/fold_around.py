"""From lines to facts: what is around runs. Policies, roles, delegations, who read, what was erased."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.adapters.questions import lines as line_of
from hitl_fsm.adapters.questions.fold import RUNS, Fold, reader
from hitl_fsm.adapters.questions.fold_asks import ASKS
from hitl_fsm.adapters.questions.fold_calls import CALLS
from hitl_fsm.adapters.questions.lines import Line
from hitl_fsm.adapters.questions.shelves import RunFact

Data = dict[str, Any]


def _activated(fold: Fold, line: Line[line_of.Activated], run: RunFact) -> None:
    del run
    data, by = line.data, line.by
    fold.add("activation", line.seq, line.at, data.policies, data.was, by.id, by.authenticated_by, data.why)


def _delegated(fold: Fold, line: Line[line_of.Delegated], run: RunFact) -> None:
    """Roles for a while; without roles, all that the giver has."""
    del run
    data, gained = line.data, int(line.event == "delegation_made")
    fold.heard(line.by, line.seq, line.at)
    for role in data.roles or (f"all of {data.giver}",):
        told = (line.by.own, f"delegation {data.delegation} by {data.giver}", data.since, data.until)
        fold.add("role_change", line.seq, line.at, data.taker, role, gained, *told)
    if not gained:
        fold.ended.append((line.at, data.delegation))
    for role in (data.roles or ("",)) if gained else ():
        span = (data.since, data.until, 0, None)
        fold.add("lent", line.seq, line.at, data.delegation, data.giver, data.taker, role, *span)


def _people(fold: Fold, line: Line[line_of.People], run: RunFact) -> None:
    """Another directory: who has which role from now on, and who no longer. What is told again is no change."""
    del run
    data, source = line.data, "roles file" if line.data.was or fold.has_role else FIRST
    for one in data.changed:
        fold.listed.add(one.person)
        for name in one.gained:
            spans = [(held.since, held.until) for held in one.times if held.name == name] or [(None, None)]
            key, times = (one.person, name.removeprefix("role:")), str(spans)
            if fold.has_role.get(key) != times:
                fold.has_role[key] = times
                for span in spans:
                    fold.add("role_change", line.seq, line.at, *key, 1, line.by.own, source, *span)
        for name in one.lost:
            key = (one.person, name.removeprefix("role:"))
            if fold.has_role.pop(key, None) is not None:
                fold.add("role_change", line.seq, line.at, *key, 0, line.by.own, source, None, None)
    fold.add("people_line", line.seq, line.at)
    for lent in data.delegations:
        for role in lent.roles or ("",):
            when = (lent.since, lent.until, int(lent.when == "absent"), None)
            fold.add("lent", line.seq, line.at, "", lent.giver, lent.taker, role, *when)
    for away in data.absences:
        fold.add("away", line.seq, away.person, away.since, away.until)


def _read(fold: Fold, line: Line[line_of.Read], run: RunFact) -> None:
    del run
    data, by = line.data, line.by
    what = data.what if line.event == "record_read" else f"export {data.what.removeprefix('export ')}"
    about = ", ".join(filter(None, (data.about, "with contents" if data.contents else "")))
    fold.add("reading", line.seq, line.at, by.id, by.authenticated_by, what, about, data.lines)


def _upkeep(fold: Fold, line: Line[Data], run: RunFact) -> None:
    """What was erased, held, pruned, forgotten."""
    del run
    data = line.data
    count = next((data[name] for name in ("count", "lines") if isinstance(data.get(name), int)), None)
    if line.event == "record_pruned":
        about = f"lines {data.get('first')} to {data.get('last')}; contents of {data.get('contents')}"
        fold.pruned_to = max(fold.pruned_to, _number(data.get("last")))
    elif line.event.startswith("hold_"):
        about = "everything" if data.get("kind") == "all" else f"{data.get('kind')} {_short(data.get('about'))}"
    else:
        about = _short(data.get("subject") or ", ".join(_runs(data.get("runs"))))
    name = str(data.get("hold") or data.get("subject") or "")
    fold.add("upkeep", line.seq, line.at, line.event, line.by.id, name, about, count)


def _runs(told: Any) -> list[str]:
    return [str(one.get("run")) for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}…"


TEXT_CHARS = 200
"""Characters of one value of a line that are kept as they are."""


FIRST = "roles file, as first loaded"
"""By what people have roles that were there from the beginning."""
ERASURES = ("subject_erased", "hold_placed", "hold_released", "record_pruned", "runs_forgotten")
ALL = {
    **RUNS,
    **CALLS,
    **ASKS,
    "policies_activated": reader(line_of.Activated, _activated),
    "delegation_made": reader(line_of.Delegated, _delegated),
    "delegation_ended": reader(line_of.Delegated, _delegated),
    "people_activated": reader(line_of.People, _people),
    "record_read": reader(line_of.Read, _read),
    "record_exported": reader(line_of.Read, _read),
    **{event: reader(Data, _upkeep) for event in ERASURES},
}
"""How each event is read."""
