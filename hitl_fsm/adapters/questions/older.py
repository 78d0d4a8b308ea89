"""Lines of releases before `call_authorised` was an event: what then stood for it, and up to where that counts.

Those releases wrote no gates into a verdict, named none with a question, and committed to no contents. The first line
that has any of this, or is of an event that they did not know, ends their time for good: what is judged or asked after
it is held against `call_authorised`, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Iterable

from hitl_fsm.adapters.questions.lines import Judged, Line
from hitl_fsm.adapters.questions.shelves import AskFact, CallFact

FREELY, ASKED = 1, 2
"""How an older verdict let a call begin: as it is, or once each question about it was answered with a yes."""
NEWER = ("key_added", "requirement_presented", "call_authorised")
"""Events of which the older releases wrote none; a newer one writes one of them before it says of an action that it
may begin."""
_QUESTION = "req_"
_UNASKED = frozenset({"allow", "audit", "review"})


def rejudged(call: CallFact, line: Line[Judged], *, newer: bool) -> tuple[int, list[str]]:
    """How an action may begin that was judged, now or once more, and its gates; those of an older one are questions.

    A newer release that judges an older action anew, and wants no gate more than people were asked about, writes no
    `call_authorised`: it was authorised.
    """
    same = call.before and call.digest == line.data.digest
    known = call.gates if same else []
    if not newer:
        return _may_begin(line), known
    if same and len(line.data.gates) <= len(known) + len(call.grants):
        return call.before, known
    return 0, list(line.data.gates)


def said_with(call: CallFact, asked: Iterable[AskFact], line: Line[Judged]) -> dict[str, list[str]]:
    """Whose yes a change of the arguments came with, by question: the oldest wrote the yes on the line before."""
    last = [one for one in asked if one.closed_seq == line.seq - 1 and one.digest == line.data.was]
    said = {one.gate: call.yes.get(f"{one.gate} {one.digest}", []) for one in last}
    return {gate: people for gate, people in said.items() if line.by.own in people}


def gate_of(named: str) -> str:
    """A gate as a newer line names it: none has the name of a question."""
    return "" if named.startswith(_QUESTION) else named


def is_older(gate: str) -> bool:
    """Whether it stands for a gate that an older question does not name."""
    return gate.startswith(_QUESTION)


def said_before(call: CallFact) -> set[str]:
    """Who said yes to this very action where an older line had asked, at a gate that it does not name."""
    asked = (key for key in call.yes if key.startswith(_QUESTION) and key.endswith(f" {call.digest}"))
    return {one for key in asked for one in call.yes[key]}


def _may_begin(line: Line[Judged]) -> int:
    """What an older verdict says by itself; 0: no."""
    if line.data.outcome == "allow":
        return FREELY
    if line.data.outcome != "gated":
        return 0
    words = {word.partition(" ")[0] for one in line.data.reasons for word in one.effect.split(", ")}
    return FREELY if words and words <= _UNASKED else ASKED


def objection_before(call: CallFact) -> str:
    """Why the older lines do not show that it might begin; empty if they do. Its questions are its gates.

    A newer release that answered one of them wrote by whose word: they must have said yes to one of the questions.
    """
    if call.before == ASKED and not (call.gates or call.grants):
        return "it was gated, and the record has neither a question nor a grant"
    for gate in call.gates:
        if not call.yes.get(f"{gate} {call.digest}"):
            return f"the record has no yes to {gate}"
    heard = {one for people in call.yes.values() for one in people}
    for gate, people, grant in call.passes if call.auth_seq else ():
        if not grant and not (people and heard.issuperset(people)):
            return f"the record has no yes at gate {gate} by {', '.join(people) or 'anybody'}"
    return next((f"grant {grant} {why}" for grant, (_, why) in call.grants.items() if why), "")
