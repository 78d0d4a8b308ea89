"""What a yes is remembered for: which calls are alike, how far a grant reaches, and what is left of it.

A grant widens nothing by itself. It passes one gate, as it is written today, for calls that differ from the approved
one at most in the values of the arguments that the policy names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from math import isfinite
from typing import Any

from hitl_fsm.audit.canonical import canonical
from hitl_fsm.core.frames import frame_at
from hitl_fsm.errors import Uncanonical
from hitl_fsm.model.answer import Approve, GrantTerms, Vote
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.grant import Grant, GrantRow
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, Gate, GrantOffer
from hitl_fsm.policy.join import gate_key

SCOPES = ("run", "session", "agent")
"""From the narrowest to the widest."""
SUM_DIGITS = 60
"""Of the sum that is held against a budget. One that would need more is not rounded: the call is asked about."""

_EXACT = Context(prec=SUM_DIGITS, traps=[Inexact, InvalidOperation, Overflow])


def grant_id_of(requirement_id: str) -> str:
    """The id of the grant that an answer to this question makes; a question is answered once."""
    return f"grant_{requirement_id.removeprefix('req_')}"


def agent_of(run: Run, call: Call) -> str:
    """Who asks for the call: the innermost run around it."""
    frame = frame_at(run, frame_of(call.call_id))
    return run.name if frame is None else frame.name


# -- making one


def grants_fit(offer: GrantOffer | None, terms: GrantTerms) -> str:
    """Why the policy does not offer that much; empty if it does. To remember in this run alone is always less."""
    if offer is None:
        return "the policy offers no grant"
    if terms.scope != "run" and terms.scope not in offer.scopes:
        return f"the policy offers the scope {' or '.join(offer.scopes)}, not {terms.scope}"
    return _above("uses", terms.uses, offer.uses) or _longer(offer, terms) or _over_budget(offer, terms)


def _longer(offer: GrantOffer, terms: GrantTerms) -> str:
    """In the words of a policy: nobody reads how many milliseconds a day has."""
    too_long = _above("milliseconds", terms.for_ms, offer.for_ms)
    if not too_long or type(terms.for_ms) is not int or terms.for_ms < 1:
        return too_long
    return f"the policy offers at most {_span(offer.for_ms)}, not {_span(terms.for_ms)}"


def _span(ms: int) -> str:
    """`24h`, in the largest unit of hours, minutes and seconds that needs no fraction."""
    sizes = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
    return next(f"{ms // size}{unit}" for unit, size in sizes.items() if ms % size == 0)


def _above(what: str, wanted: int | None, offered: int) -> str:
    if wanted is None:
        return ""
    if type(wanted) is not int or wanted < 1:
        return f"a grant is for a whole number of {what}, at least 1"
    return f"the policy offers at most {offered} {what}, not {wanted}" if wanted > offered else ""


def _over_budget(offer: GrantOffer, terms: GrantTerms) -> str:
    if terms.budget is None:
        return ""
    if not offer.budget_of:
        return "the policy names no argument whose sum has a budget"
    budget = exact(terms.budget)
    if budget is None or budget == 0:
        return "a budget is a number above 0"
    offered = exact(offer.budget)
    if offered is None or budget > offered:
        return f"the policy offers a budget of at most {offer.budget}, not {terms.budget}"
    return ""


def made(
    requirement: Requirement, call: Call, run: Run, gate: Approval | Confirm, votes: Sequence[Vote], at: int
) -> Grant | None:
    """The narrowest of what all who said yes wanted; None where one of them did not, or the policy does not offer it.

    The approved call itself is none of its uses.
    """
    offer, args = gate.grant, call.args
    yes = [vote for vote in votes if isinstance(vote.answer, Approve)]
    terms = [vote.answer.grant for vote in yes if isinstance(vote.answer, Approve) and vote.answer.grant is not None]
    if offer is None or args is None or not yes or len(terms) < len(yes) or any(grants_fit(offer, t) for t in terms):
        return None
    if _amount(offer.budget_of, args) is None:
        return None
    scope = _narrowest(run, terms)
    budgets = [offer.budget if one.budget is None else one.budget for one in terms]
    return Grant(
        grant_id=grant_id_of(requirement.requirement_id),
        gate=gate_key(gate),
        tool=call.tool,
        tool_version=call.tool_version,
        agent=agent_of(run, call),
        args=args,
        uses=min(one.uses or offer.uses for one in terms),
        until=at + min(one.for_ms or offer.for_ms for one in terms),
        by=tuple(vote.by for vote in yes),
        at=at,
        requirement_id=requirement.requirement_id,
        vary=offer.vary,
        budget_of=offer.budget_of,
        budget=min(budgets, key=lambda one: exact(one) or Decimal(0)) if offer.budget_of else 0,
        run_id=run.run_id if scope == "run" else "",
        session=run.session if scope == "session" else "",
        user="" if scope == "agent" and not _for_oneself(gate, yes) else run.user.id,
        sensitive=call.sensitive,
    )


def _for_oneself(gate: Approval | Confirm, yes: Sequence[Vote]) -> bool:
    """Whoever says yes as the requester speaks for the own runs, never for those of others."""
    return isinstance(gate, Confirm) or any("requester" in (*gate.of, *vote.named) for vote in yes)


def _narrowest(run: Run, terms: Sequence[GrantTerms]) -> str:
    """A run of no session has no further ones in it."""
    scope = min((one.scope for one in terms), key=SCOPES.index)
    return "run" if scope == "session" and not run.session else scope


# -- using one


def alike(grant: Grant, run: Run, call: Call, gate: str) -> int | float | None:
    """What a call counts against the grant's budget (0 without one); None unless the grant covers it at that gate.

    Numbers are compared by value, everything else exactly. The call has the same arguments as the approved one, no
    more and no fewer, so that a grant of a call without arguments covers only such calls.
    """
    args = call.args
    asked = (gate, call.tool, call.tool_version, agent_of(run, call))
    if args is None or asked != (grant.gate, grant.tool, grant.tool_version, grant.agent):
        return None
    limits = ((grant.run_id, run.run_id), (grant.session, run.session), (grant.user, run.user.id))
    if any(limit not in ("", value) for limit, value in limits):
        return None
    if grant.user and not set(run.begun_by) <= set(run.user.persons):  # somebody else had it begin
        return None
    if args.keys() != grant.args.keys() or not _same(_without(args, grant.vary), _without(grant.args, grant.vary)):
        return None
    return _amount(grant.budget_of, args)


def _without(args: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if name not in names}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    try:
        return canonical(one) == canonical(other)
    except Uncanonical:
        return False


def _amount(budget_of: str, args: dict[str, Any]) -> int | float | None:
    """What counts against a budget: a number that gives nothing back."""
    if not budget_of:
        return 0
    value = args.get(budget_of)
    return None if exact(value) is None else value


def exact(value: Any) -> Decimal | None:
    """A number as it is written in JSON, to be added without rounding; None for what is none, or below 0."""
    if type(value) not in (int, float) or value < 0 or (type(value) is float and not isfinite(value)):
        return None
    return Decimal(repr(value))


def after_use(row: GrantRow, amount: float, at: int) -> Decimal | None:
    """What it comes to with one more use of this amount; None where it is over (`at`: ms), or that is beyond it."""
    grant = row.grant
    if row.state != "active" or row.used >= grant.uses or at >= grant.until:
        return None
    if not grant.budget_of:
        return row.spent
    added, budget = exact(amount), exact(grant.budget)
    if added is None or budget is None:
        return None
    try:
        spent = _EXACT.add(row.spent, added)
    except (Inexact, InvalidOperation, Overflow):
        return None
    return spent if spent <= budget else None


def is_excluded(grant: Grant, run: Run, call: Call, gate: Gate, person: Callable[[str], str] = str) -> bool:
    """Whether one of those whose word the grant is may not say yes to this call: nobody passes the own by a grant.

    `person`: from an id to who that is, as far as is known now.
    """
    excluded = gate.excluded if isinstance(gate, Approval) else ()
    known = {
        "requester": (*run.user.persons, *run.begun_by),
        "editor": call.editors,
        "previous_approver": tuple(one for passed in _earlier(call, gate_key(gate)) for one in passed.by),
    }
    out = {one for name in excluded for one in known.get(name, (name.removeprefix("user:"),))}
    givers = {*grant.persons, *(person(one) for one in grant.persons)}
    if givers & {*out, *(person(one) for one in out)}:
        return True
    return any(_has(actor.roles, actor.groups, name) for name in excluded for actor in grant.by)


def _earlier(call: Call, gate: str) -> Sequence[Pass]:
    """What was passed before that gate; all, where that is still to come."""
    passed = call.passed
    places = [index for index, one in enumerate(passed) if (one.gate, one.digest) == (gate, call.digest)]
    return [one for one in passed[: places[-1] if places else None] if one.gate != gate]


def _has(roles: Sequence[str], groups: Sequence[str], name: str) -> bool:
    kind, _, rest = name.partition(":")
    return (kind == "role" and rest in roles) or (kind == "group" and rest in groups)
