"""What became of verdicts, for people and as JSON: the same for `diff` and `impact`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.cli.page import Lines, Tone
from hitl_fsm.model.verdict import Reason, Verdict
from hitl_fsm.policy.compare import CHANGES, Change, Comparison
from hitl_fsm.policy.gates import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHOWN = 20
"""Actions of each kind of change that are shown unless told otherwise."""
ARGS_CHARS = 200
"""Characters of an action's arguments in a line."""
REASONS = 3
"""Rules that are named for one verdict in a line."""
TONES: dict[Change, Tone] = {"loosened": "bad", "changed": "warn", "tightened": "good", "equal": "plain"}
WORDS = {
    "deny": ("denial", "denials"),
    "confirm": ("confirmation", "confirmations"),
    "approval": ("approval", "approvals"),
    "user_input": ("form", "forms"),
    "external": ("external call", "external calls"),
    "review": ("review", "reviews"),
}


class Shown(NamedTuple):
    """One action and what became of its verdict. `title` names it in a line; `origin` is what JSON says of it."""

    title: str
    origin: Mapping[str, Any]
    args: Mapping[str, Any]
    old: Verdict
    new: Verdict
    comparison: Comparison
    then: tuple[str, ...] = ()


def blocks(found: Mapping[Change, Sequence[Shown]], counts: Mapping[Change, int], limit: int) -> list[Lines]:
    """A heading for each kind of change and a block for each action, what needs a look first."""
    told: list[Lines] = []
    for change in CHANGES:
        listed = found.get(change, ())[:limit]
        if not listed:
            continue
        count = counts[change]
        more = f", the first {len(listed)} of them" if count > len(listed) else ""
        told.append(Lines(f"{change}: {many(count, 'action', 'actions')}{more}", (), "strong"))
        told += [_block(one) for one in listed]
    return told


def _block(one: Shown) -> Lines:
    was, now = verdict_words(one.old), verdict_words(one.new)
    body = [f"was: {was}", f"now: {now}"]
    body += [f"{difference.change}: {difference.told}" for difference in one.comparison.differences]
    body += [f"then: {said}" for said in one.then]
    return Lines(one.title, (f"arguments: {args_text(one.args)}", *body), TONES[one.comparison.change])


def verdict_words(verdict: Verdict) -> str:
    """What is demanded and by which rules, each with its place."""
    demand = ", ".join(describe(gate) for gate in verdict.gates) or verdict.outcome
    deciding = [reason for reason in verdict.reasons if reason.effect not in {"allow", "audit"}] or verdict.reasons
    named = [_reason(reason) for reason in deciding[:REASONS]]
    more = len(deciding) - len(named)
    return f"{demand}, by {'; '.join(named)}{f' and {more} more' if more else ''}" if named else demand


def _reason(reason: Reason) -> str:
    place = f" at {reason.file}:{reason.line}" if reason.file else ""
    return f"{reason.policy}/{reason.rule}{place}"


def args_text(args: Mapping[str, Any]) -> str:
    """Compact JSON, cut."""
    import msgspec  # noqa: PLC0415 - not for --help

    text = msgspec.json.encode(args).decode()
    return text if len(text) <= ARGS_CHARS else f"{text[:ARGS_CHARS]}…"


def as_object(one: Shown) -> dict[str, Any]:
    """One action as JSON."""
    return {
        "change": one.comparison.change,
        **one.origin,
        "args": one.args,
        "old": verdict_object(one.old),
        "new": verdict_object(one.new),
        "differences": [{"change": found.change, "told": found.told} for found in one.comparison.differences],
    }


def verdict_object(verdict: Verdict) -> dict[str, Any]:
    """What is demanded and why; the reasons have the rules' places."""
    return {
        "outcome": verdict.outcome,
        "gates": [describe(gate) for gate in verdict.gates],
        "audit": verdict.audit,
        "severity": verdict.severity,
        "reasons": verdict.reasons,
        "problem": verdict.problem,
        "policies": verdict.policy_digest,
    }


def more_or_fewer(more: Mapping[str, int], fewer: Mapping[str, int]) -> str:
    """`41 more approvals, 3 more denials, 1 fewer confirmation`; empty where nothing is."""
    parts = [f"{more[kind]} more {words[more[kind] != 1]}" for kind, words in WORDS.items() if more.get(kind)]
    parts += [f"{fewer[kind]} fewer {words[fewer[kind] != 1]}" for kind, words in WORDS.items() if fewer.get(kind)]
    return ", ".join(parts)


def in_short(more: Mapping[str, int], fewer: Mapping[str, int], counts: Mapping[Change, int]) -> str:
    """As `more_or_fewer`; where as much is asked as before, whether it is asked of the same people, and alike."""
    if told := more_or_fewer(more, fewer):
        return told
    same = all(change == "equal" for change, count in counts.items() if count)
    return f"nothing more and nothing less would be asked{'' if same else ', but otherwise'}"


def counted(counts: Mapping[Change, int]) -> str:
    """`2 loosened, 1 changed, 44 tightened, 765 the same`."""
    words = {"equal": "the same"}
    return ", ".join(f"{counts.get(change, 0)} {words.get(change, change)}" for change in CHANGES)


def many(count: int, one: str, several: str) -> str:
    """A number and its noun."""
    return f"{count} {one if count == 1 else several}"


def grouped(found: Iterable[Shown]) -> dict[Change, list[Shown]]:
    """By kind of change."""
    groups: dict[Change, list[Shown]] = {}
    for one in found:
        groups.setdefault(one.comparison.change, []).append(one)
    return groups
