"""Whether one verdict, or one set of policies, is at least as strict as another.

What is not provably at least as strict is told as `loosened` or `changed`, never passed over:

- `equal`: nothing that anybody would notice is different.
- `tightened`: everything that was asked for is still asked for, at least as strictly, and something more.
- `loosened`: something that was asked for is gone, or asked for less strictly, whatever else was added.
- `changed`: something is asked for otherwise, and neither is the stricter: another approver, form or route.

It agrees with `join`: what is joined to a verdict never loosens it. A denial is stricter than everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Approval, Confirm, Gate, Verdict
from hitl_fsm.policy.calendar_words import changed_calendars
from hitl_fsm.policy.compare_asks import asks_others, edited_within, granted_less, waits_for_fewer
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.gate_words import describe
from hitl_fsm.policy.join import BATCHES, ON_CHANGES, OUTCOMES, SEVERITIES, gate_key

_NONE: Mapping[str, str] = MappingProxyType({})
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))

Change = Literal["equal", "tightened", "loosened", "changed"]
CHANGES: tuple[Change, ...] = ("loosened", "changed", "tightened", "equal")
"""In the order of how much they need a look."""

MATCHED_PAIRS = 10_000
"""Pairs of differing gates of one action that are held against each other."""

CONSIDERED = frozenset({"outcome", "gates", "audit", "batch", "on_change", "severity"})
"""What of a verdict is a demand; the rest says why, or what would have been."""


class Difference(NamedTuple):
    """One thing that is not as it was, in words."""

    change: Change
    told: str


class Comparison(NamedTuple):
    """What became of a verdict; `differences` are in the order of `CHANGES`, none when it is `equal`."""

    change: Change
    differences: tuple[Difference, ...]


class Compared(NamedTuple):
    """One action under two sets of policies."""

    action: Action
    old: Verdict
    new: Verdict
    comparison: Comparison


def compare(old: Verdict, new: Verdict, calendars: Mapping[str, str] = _NONE) -> Comparison:
    """What `new` is, seen from `old`. `calendars`: those that are not as they were, with what changed, in words."""
    found = [*_differences(old, new), *_other_hours(old, new, calendars)]
    found.sort(key=lambda one: CHANGES.index(one.change))
    return Comparison(_together(one.change for one in found), tuple(found))


def compare_sets(
    old: PolicySet, new: PolicySet, actions: Iterable[Action], *, default: Literal["deny", "confirm"] = "deny"
) -> Iterator[Compared]:
    """Each action under both, one after the other; `default` is the engine's word on what neither covers."""
    calendars = changed_calendars(old.calendars, new.calendars)
    for action in actions:
        before, after = old.evaluate(action, default), new.evaluate(action, default)
        yield Compared(action, before, after, compare(before, after, calendars))


def is_safe(change: Change) -> bool:
    """Whether everything that was asked for is certainly still asked for."""
    return change in {"equal", "tightened"}


def _differences(old: Verdict, new: Verdict) -> Iterator[Difference]:
    if "deny" in {old.outcome, new.outcome} and old.outcome != new.outcome:
        # That says it all: it does not matter what is asked, or told, about a call that does not happen.
        yield Difference(_ranked(OUTCOMES, old.outcome, new.outcome), f"{_outcome(old)} became {_outcome(new)}")
        return
    if new.outcome == "gated" == old.outcome:
        yield from _gates(old.gates, new.gates)
    elif old.outcome == "gated" and new.outcome == "allow":
        yield from _gates(old.gates, ())
    elif old.outcome == "allow" and new.outcome == "gated":
        yield from _gates((), new.gates)
    yield from _setting("batch", BATCHES, old.batch, new.batch)
    if old.audit != new.audit:
        told = "it is recorded as audited" if new.audit else "it is no longer recorded as audited"
        yield Difference("tightened" if new.audit else "loosened", told)
    yield from _setting("on_change", ON_CHANGES, old.on_change, new.on_change)
    yield from _setting("severity", SEVERITIES, old.severity, new.severity)


def calendars_of(verdict: Verdict) -> set[str]:
    """The names of the calendars in whose hours its questions wait."""
    waits = (getattr(gate, "patience", None) for gate in verdict.gates)
    return {patience.calendar for patience in waits if patience is not None and patience.calendar}


def _other_hours(old: Verdict, new: Verdict, calendars: Mapping[str, str]) -> Iterator[Difference]:
    """The same name may stand for other hours: longer ones end a question sooner, so that neither is the stricter."""
    for name in sorted(calendars_of(old) & calendars_of(new) & calendars.keys()):
        yield Difference("changed", calendars[name])


def _outcome(verdict: Verdict) -> str:
    return {"allow": "allowed", "gated": "asked for", "deny": "denied"}[verdict.outcome]


def _setting(name: str, order: Sequence[Any], old: Any, new: Any) -> Iterator[Difference]:
    if old != new:
        yield Difference(_ranked(order, old, new), f"{name} was {old}, is {new}")


def _ranked(order: Sequence[Any], old: Any, new: Any) -> Change:
    return "tightened" if order.index(new) > order.index(old) else "loosened"


def _together(changes: Iterable[Change]) -> Change:
    """The one that needs most of a look; all that is asked for less strictly weighs more than what is asked for too."""
    found = set(changes)
    for change in CHANGES:
        if change in found:
            return change
    return "equal"


# -- gates: each that was there needs one of its own that is at least as strict


def _gates(old: Sequence[Gate], new: Sequence[Gate]) -> Iterator[Difference]:
    before, after = _without_common(old, new)
    if not before and not after:
        if [gate_key(_normal(gate)) for gate in old] != [gate_key(_normal(gate)) for gate in new]:
            yield Difference("changed", "the same is asked in another order")
        return
    pairs = _matching(before, after)
    for i, j in sorted(pairs.items()):
        yield from _gate(before[i], after[j])
    lost = [gate for i, gate in enumerate(before) if i not in pairs]
    added = [gate for j, gate in enumerate(after) if j not in set(pairs.values())]
    for gate in lost:
        partner = next((other for other in added if type(other) is type(gate)), None)
        if partner is not None:
            yield from _gate(gate, partner)
        elif isinstance(gate, Confirm):
            partner = next((other for other in added if isinstance(other, Approval)), None)
        if partner is None:
            yield Difference("loosened", f"no longer asked: {describe(gate)}")
            continue
        added.remove(partner)
        if type(partner) is not type(gate):
            yield Difference("changed", f"{describe(gate)} became {describe(partner)}")
    yield from (_added(gate) for gate in added)


def _added(gate: Gate) -> Difference:
    return Difference("tightened", f"asked in addition: {describe(gate)}")


def _without_common(old: Sequence[Gate], new: Sequence[Gate]) -> tuple[list[Gate], list[Gate]]:
    """What is left of both when those that are the same on both sides have found each other."""
    there: dict[str, list[Gate]] = {}
    for gate in new:
        there.setdefault(gate_key(_normal(gate)), []).append(gate)
    left = []
    for gate in old:
        same = there.get(gate_key(_normal(gate)))
        if same:
            same.pop()
        else:
            left.append(gate)
    kept = {id(gate) for gates in there.values() for gate in gates}
    return left, [gate for gate in new if id(gate) in kept]


def _normal(gate: Gate) -> Gate:
    """The same gate, however its people are written."""
    named = {name: tuple(sorted(_people(name, getattr(gate, name)))) for name in _PEOPLE if hasattr(gate, name)}
    return msgspec.structs.replace(gate, **named) if named else gate


def _matching(old: Sequence[Gate], new: Sequence[Gate]) -> dict[int, int]:
    """For as many old gates as possible a new one of its own that is at least as strict, by their indexes.

    Beyond `MATCHED_PAIRS` none is looked for, so that what is not proven is told.
    """
    if len(old) * len(new) > MATCHED_PAIRS:
        return {}
    fits = [[j for j, after in enumerate(new) if is_safe(_gate_change(before, after))] for before in old]
    taken: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j in fits[i]:
            if j not in seen:
                seen.add(j)
                if j not in taken or place(taken[j], seen):
                    taken[j] = i
                    return True
        return False

    for i in range(len(old)):
        place(i, set())
    return {i: j for j, i in taken.items()}


def _gate(old: Gate, new: Gate) -> Iterator[Difference]:
    """What became of one gate; both are of one kind."""
    for name, change in _changes(old, new):
        if change != "equal":
            told = _field_told(name, getattr(old, name), getattr(new, name))
            yield Difference(change, f"{describe(old)}: {told}")


def _gate_change(old: Gate, new: Gate) -> Change:
    if type(old) is not type(new):
        return "changed"
    return _together(change for _, change in _changes(old, new))


def _changes(old: Gate, new: Gate) -> Iterator[tuple[str, Change]]:
    """What became of each field of one gate; both are of one kind."""
    for name in old.__struct_fields__:
        change = _field_change(name, getattr(old, name), getattr(new, name))
        if name == "expires_ms" and change != "equal" and (asks_others(old) or asks_others(new)):
            change = "changed"  # what ends sooner for some begins sooner for others
        yield name, change


def _field_change(name: str, old: Any, new: Any) -> Change:
    if name in _PEOPLE:
        return _PEOPLE[name](_people(name, old), _people(name, new))
    if _written(old) == _written(
        new
    ):  # to Python `{"const": 1}` and `{"const": True}` are equal, to a form they are not
        return "equal"
    rule = _ORDERED.get(name)
    return "changed" if rule is None else rule(old, new)


def _written(value: object) -> bytes:
    """As JSON, which tells true from 1."""
    return msgspec.json.encode(value, order="sorted")


def _people(name: str, subjects: Sequence[str]) -> frozenset[str]:
    """Without a word on who may answer, it is the run's own user."""
    return frozenset(subjects) or (frozenset({"requester"}) if name == "of" else frozenset())


def _fewer_may(old: frozenset[str], new: frozenset[str]) -> Change:
    if old == new:
        return "equal"
    return "tightened" if new < old else "loosened" if new > old else "changed"


def _more_may_not(old: frozenset[str], new: frozenset[str]) -> Change:
    return _fewer_may(new, old)


def _sooner(old: int | None, new: int | None) -> Change:
    """A question that ends sooner is denied sooner; one without an end waits for a yes for ever."""
    return "tightened" if old is None or (new is not None and new < old) else "loosened"


def _checked(old: object, new: object) -> Change:
    """Something is checked where nothing was, or the other way round; two different checks are not compared."""
    return "tightened" if old is None else "loosened" if new is None else "changed"


def _each_checked(old: Sequence[object], new: Sequence[object]) -> Change:
    """All of these checks hold, so more of them are stricter; which of two others is stricter is not compared."""
    before, after = frozenset(map(_written, old)), frozenset(map(_written, new))
    return "tightened" if before < after else "loosened" if after < before else "changed"


def _in_order(found: int | None) -> Change:
    """From which of two is the stricter; None: neither is."""
    return "changed" if found is None else "tightened" if found > 0 else "loosened"


_PEOPLE: dict[str, Callable[[frozenset[str], frozenset[str]], Change]] = {
    "of": _fewer_may,
    "excluded": _more_may_not,
    "break_glass": _fewer_may,
}
_ORDERED: dict[str, Callable[[Any, Any], Change]] = {
    "expires_ms": _sooner,
    "result_schema": _checked,
    "route_schemas": _each_checked,
    "silent": lambda _, new: "loosened" if new else "tightened",
    "quorum": lambda old, new: "tightened" if new > old else "loosened",
    "retries": lambda old, new: "tightened" if new < old else "loosened",
    "reject_quorum": lambda old, new: "tightened" if new < old else "loosened",
    "patience": lambda old, new: _in_order(waits_for_fewer(old, new)),
    "edit": lambda old, new: _in_order(edited_within(old, new)),
    "grant": lambda old, new: _in_order(granted_less(old, new)),
}


# -- in words


def _field_told(name: str, old: Any, new: Any) -> str:
    if name in _PEOPLE:
        before, after = _people(name, old), _people(name, new)
        came, went = _CAME_AND_WENT[name]
        told = [f"{came}: {', '.join(sorted(after - before))}"] if after - before else []
        told += [f"{went}: {', '.join(sorted(before - after))}"] if before - after else []
        return "; ".join(told)
    if name == "expires_ms":
        return f"open {_duration(new)}, was {_duration(old)}"
    if name in {"schema", "result_schema", "route_schemas"}:
        return _checks_told(name, old, new)
    if name == "silent":
        return "the pause is no longer announced" if new else "the pause is announced"
    if name in _TOLD:
        return _TOLD[name][0 if old is None else 1 if new is None else 2]
    return f"{name} was {old}, is {new}"


def _checks_told(name: str, old: Any, new: Any) -> str:
    if name == "route_schemas":
        what = "checks of results"
        return f"the route has no {what} any more" if not new else f"the route has {'other ' if old else ''}{what}"
    what = "form" if name == "schema" else "check of the result"
    return f"no {what} any more" if new is None else f"a {what}, where none was" if old is None else f"another {what}"


_CAME_AND_WENT = {
    "of": ("may answer too", "may no longer answer"),
    "excluded": ("shut out", "no longer shut out"),
    "break_glass": ("may break the glass", "may no longer break the glass"),
}
_TOLD = {
    "ways": ("others must agree together",) * 3,
    "patience": (
        "others are asked next, or reminded",
        "nobody is asked next, or reminded",
        "who is asked next, or when",
    ),
    "edit": ("what a yes may change has bounds", "a yes may change anything", "a yes may change something else"),
    "grant": ("a yes may be remembered", "a yes is not remembered any more", "a yes may be remembered otherwise"),
}
"""In words, by name: it came, it went, it is another one."""


def _duration(ms: int | None) -> str:
    if ms is None:
        return "without an end"
    unit, size = next((one for one in _UNITS if not ms % one[1]), _UNITS[-1])
    return f"for {ms // size}{unit}"
