"""An explanation as a page. What matched is told by a sign and a word; colour adds nothing that is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hitl_fsm.cli.page import Field, Fields, Lines, Page, Tone
from hitl_fsm.model.instant import iso

if TYPE_CHECKING:
    from hitl_fsm.policy.explain import Explanation, Item, PolicyExplained, RuleExplained, Share

_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "allow": ("ALLOWED: nobody is asked", "good"),
    "gated": ("ASKED FIRST: it waits for what is listed below", "warn"),
    "deny": ("DENIED: it does not happen", "bad"),
}
_RULES = {"yes": ("✓", "matches"), "no": ("✗", "does not match"), "unknown": ("!", "cannot be evaluated")}
_PARTS = {
    "deny": "denied by",
    "gate": "asked",
    "allow": "allowed by",
    "audit": "recorded for",
    "severity": "severity",
    "batch": "several calls in one turn",
    "on_change": "if policies change meanwhile",
}
_VERDICT_ONLY = ("deny", "allow", "audit")


def page(explanation: Explanation) -> Page:
    """What was asked, what is decided, who contributed what, and then every rule."""
    verdict = explanation.verdict
    told, tone = _OUTCOMES[verdict.outcome]
    blocks: list[Fields | Lines] = [Fields(tuple(_action(explanation)))]
    shares = map(_share, explanation.join) if explanation.policies else _engine(explanation)
    blocks.append(Lines(told, tuple(shares), tone))
    blocks += [Lines(f"{one.policy}  {one.file}", tuple(_policy(one)), "strong") for one in explanation.policies]
    for policy in explanation.shadow:
        title = f"{policy.policy}  {policy.file}  in shadow: it only logs what it would have done"
        blocks.append(Lines(title, tuple(_policy(policy)), "dim"))
    if verdict.would is not None:
        blocks.append(
            Lines("Had the shadow policies been enforced, they alone would say", tuple(_would(explanation)), "dim")
        )
    return Page(tuple(blocks))


def _action(explanation: Explanation) -> Iterator[Field]:
    action = explanation.action
    if action.tool:
        yield Field("call", action.tool, "strong")
    if action.step:
        yield Field("step", action.step)
    if action.agent:
        yield Field("agent", action.agent)
    yield Field("arguments", json.dumps(action.args, ensure_ascii=False, sort_keys=True))
    roles = ", ".join(action.user.roles) or "no roles"
    yield Field("for", f"{action.user.id} ({roles})")
    yield Field("at", iso(action.now))
    for name, value in sorted(action.env.items()):
        yield Field("environment", f"{name} = {value}")


def _engine(explanation: Explanation) -> Iterator[str]:
    """Where no policy is in force for it."""
    for reason in explanation.verdict.reasons:
        yield f"the engine's default is `{reason.effect}`: {reason.note}"


def _share(share: Share) -> str:
    by = ", ".join(share.by)
    if share.part in _VERDICT_ONLY:
        return f"{_PARTS[share.part]} {by}"
    return f"{_PARTS[share.part]}: {share.value}  ({by})"


def _policy(policy: PolicyExplained) -> Iterator[str]:
    for rule in policy.rules:
        yield from _rule(rule)
    if policy.default_used:
        yield f"→ default: {policy.default}, since no rule matches  {policy.file}:{policy.default_line}"
    if policy.elsewhere:
        yield f"not for this: {', '.join(policy.elsewhere)}"


def _rule(rule: RuleExplained) -> Iterator[str]:
    sign, word = _RULES[rule.matched]
    demand = f": {rule.effect}" if rule.matched == "yes" else ""
    severity = f" [{rule.severity}]" if rule.matched == "yes" and rule.severity != "low" else ""
    yield f"{sign} {rule.rule} {word}{demand}{severity}  {rule.file}:{rule.line}"
    if rule.matched == "yes" and rule.note:
        yield f"    note    {rule.note}"
    for key, items in (("when", rule.when), ("unless", rule.unless)):
        for item in items:
            yield f"    {key:7} {_value(item):5}  {' '.join(item.text.split())}  ({item.line}:{item.column})"
            if item.problem is not None:
                yield f"    {'':7} {'':5}  {item.problem}"
    yield f"    because {rule.why}"


def _value(item: Item) -> str:
    return "!" if item.value is None else "true" if item.value else "false"


def _would(explanation: Explanation) -> Iterator[str]:
    would = explanation.verdict.would
    if would is None:
        return
    from hitl_fsm.policy.gates import describe  # noqa: PLC0415 - with pydantic

    yield _OUTCOMES[would.outcome][0]
    for gate in would.gates:
        yield f"asked: {describe(gate)}"
    if would.severity != "low":
        yield f"severity: {would.severity}"
