"""`--grant`: how far a yes is to be remembered, from the options of `approve`; and in words, before it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hitl_fsm.cli.answers.filtering import one_of, span_ms
from hitl_fsm.model.answer import GrantTerms

if TYPE_CHECKING:
    from hitl_fsm.model.verdict import GrantOffer

WHERE = {
    "run": "in this run",
    "session": "in this session of the same user",
    "agent": "wherever this agent does it",
}
SCOPES = tuple(WHERE)


def grant_terms(scope: str | None, uses: int | None, span: str | None, budget: str | None) -> GrantTerms | None:
    """None without --grant; Typer's BadParameter for what is no number or span, and for a bound without --grant."""
    bounds = {"--uses": uses, "--for": span, "--budget": budget}
    if scope is None:
        given = [option for option, value in bounds.items() if value is not None]
        if given:
            msg = f"it bounds a grant; say of which scope: --grant {'|'.join(SCOPES)}"
            raise typer.BadParameter(msg, param_hint=given[0])
        return None
    one_of(scope, SCOPES, "--grant")
    for_ms = None if span is None else span_ms(span, "--for")
    sum_ = None if budget is None else _number(budget)
    return GrantTerms(scope, uses, for_ms, sum_)  # type: ignore[arg-type]  # one of the scopes, as was checked


def _number(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        msg = f"{text!r} is no number above 0"
        raise typer.BadParameter(msg, param_hint="--budget")
    return int(number) if number.is_integer() else number


def grant_lines(terms: GrantTerms, offer: GrantOffer | None) -> tuple[str, ...]:
    """What the same need not be asked about again comes to; bounds that were not given are the policy's."""
    if offer is None:
        return ("the policy offers no grant here: this will be refused",)
    uses = offer.uses if terms.uses is None else terms.uses
    hours = (offer.for_ms if terms.for_ms is None else terms.for_ms) / 3_600_000
    budget = offer.budget if terms.budget is None else terms.budget
    lines = [f"{WHERE[terms.scope]}, {uses} more {'call' if uses == 1 else 'calls'}, for {hours:g} h"]
    if offer.budget_of:
        lines.append(f"while `{offer.budget_of}` comes to at most {budget} in all")
    vary = f"; only {', '.join(f'`{name}`' for name in offer.vary)} may differ" if offer.vary else ""
    return (*lines, f"with the same arguments{vary}")
