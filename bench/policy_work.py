"""The work of `policy.py`: rules, actions, and the same decisions by hand and by peers.

A desk is a group of tools, `desk7.pay`, with a limit of its own. Up to it a payment in one of two currencies passes,
above it somebody approves, up to ten times as much and in one of three currencies; anything else is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Verdict

NOW = 1_767_225_600_000
DESKS_A_FILE = 100
HOME, ABROAD = ("EUR", "GBP"), ("EUR", "GBP", "USD")
CLERK = Actor("clerk", ("desk",))

_HEAD = """apiVersion: hitl-fsm/v1
kind: Policy
name: desks-{first}
owner: treasury@example.com
tools: ["desk*"]
rules:
"""
_RULES = """  - id: small-{desk}
    tools: desk{desk}.pay
    when: [args.amount > 0, args.amount <= {limit}, "args.currency in ['EUR', 'GBP']"]
    gate: allow
  - id: large-{desk}
    severity: high
    tools: "desk{desk}.*"
    when: [args.amount > {limit}, args.amount <= {ten}, "args.currency in ['EUR', 'GBP', 'USD']"]
    gate: {{approval: {{of: [role:finance], not: [requester], expires: 4h, on_expiry: deny}}}}
"""


class Decision(NamedTuple):
    """What each of them must say: the outcome, and the rules that matched."""

    outcome: str
    rules: tuple[str, ...]


def limit_of(desk: int) -> int:
    return 1000 + 10 * desk


def files(desks: int) -> dict[str, bytes]:
    """Two rules a desk; 100 desks a file, each with tools of its own."""
    found = {}
    for first in range(0, desks, DESKS_A_FILE):
        members = range(first, min(first + DESKS_A_FILE, desks))
        tools = ", ".join(f'"desk{desk}.*"' for desk in members)
        rules = "".join(_RULES.format(desk=desk, limit=limit_of(desk), ten=10 * limit_of(desk)) for desk in members)
        head = _HEAD.format(first=first).replace('"desk*"', tools)
        found[f"desks-{first}.policy.yaml"] = (head + rules).encode()
    return found


def nothing(path: str) -> bytes:
    raise FileNotFoundError(2, "the rules name no schema", path)


def actions(desks: int) -> list[Action]:
    """Payments at every desk: small, large, too large, in a currency that is not dealt in."""
    amounts, currencies = (5, 900, 1001, 5000, 9999, 50_000), ("EUR", "USD", "GBP", "JPY")
    return [
        Action(
            f"desk{desk}.pay",
            {"amount": amounts[(desk + turn) % len(amounts)], "currency": currencies[turn], "order": f"o{desk}"},
            CLERK,
            NOW,
            run_id="run_1",
            agent="payer",
        )
        for turn in range(len(currencies))
        for desk in range(desks)
    ]


def decision(verdict: Verdict) -> Decision:
    return Decision(
        verdict.outcome, tuple(sorted(reason.rule for reason in verdict.reasons if reason.rule != "default"))
    )


# -- by hand


class ByHand(NamedTuple):
    """The same data as a verdict's: what is decided, by which rules and lines, who is asked, what was looked at."""

    outcome: str
    gates: tuple[tuple[str, str, int], ...]
    severity: str
    reasons: tuple[tuple[str, str, int], ...]
    looked: tuple[tuple[str, bool, bool, bool], ...]


_APPROVAL = (("approval", "role:finance", 14_400_000),)


def by_hand(desks: int) -> Callable[[Action], ByHand]:
    """What a programmer would write: a table of limits, and ifs."""
    known = {
        f"desk{desk}.pay": (limit_of(desk), f"small-{desk}", f"large-{desk}", 10 * desk + 7, 10 * desk + 11)
        for desk in range(desks)
    }

    def decide(action: Action) -> ByHand:
        limit, small, large, small_line, large_line = known[action.tool]
        amount, currency = action.args["amount"], action.args["currency"]
        some, little, home = amount > 0, amount <= limit, currency in HOME
        much, payable, abroad = amount > limit, amount <= 10 * limit, currency in ABROAD
        looked = ((small, some, little, home), (large, much, payable, abroad))
        if much and payable and abroad:
            return ByHand("gated", _APPROVAL, "high", ((large, "approval", large_line),), looked)
        if some and little and home:
            return ByHand("allow", (), "low", ((small, "allow", small_line),), looked)
        return ByHand("deny", (), "low", (("default", "deny", 5),), looked)

    return decide


# -- peers, each with all rules loaded; they may be absent


def peers(desks: int) -> Iterator[tuple[str, Callable[[Action], Decision]]]:
    """Those that can be imported, and how each decides."""
    for name, module, made in (
        ("cedarpy", "cedarpy", _cedarpy),
        ("cel-python", "celpy", _celpy),
        ("pycasbin", "casbin", _casbin),
    ):
        try:
            __import__(module)
        except ImportError:
            print(f"{name} is not installed: its figures are left out")
            continue
        yield name, made(desks)


def _decided(rules: Sequence[str]) -> Decision:
    outcome = "gated" if any(rule.startswith("large") for rule in rules) else "allow" if rules else "deny"
    return Decision(outcome, tuple(sorted(rules)))


def _cedarpy(desks: int) -> Callable[[Action], Decision]:
    import cedarpy  # type: ignore[import-not-found]  # noqa: PLC0415 - a peer, which may be absent

    def rule(name: str, tool: str, condition: str) -> str:
        return (
            f'@id("{name}")\npermit(principal, action, resource) when {{ context.tool like "{tool}" && {condition} }};'
        )

    texts = []
    for desk in range(desks):
        limit = limit_of(desk)
        home = f'context.amount > 0 && context.amount <= {limit} && ["EUR", "GBP"].contains(context.currency)'
        abroad = (
            f"context.amount > {limit} && context.amount <= {10 * limit}"
            ' && ["EUR", "GBP", "USD"].contains(context.currency)'
        )
        texts += [rule(f"small-{desk}", f"desk{desk}.pay", home), rule(f"large-{desk}", f"desk{desk}.*", abroad)]
    policies = cedarpy.PolicySet.from_str("\n".join(texts))
    names = {f"policy{number}": f"{'large' if number % 2 else 'small'}-{number // 2}" for number in range(2 * desks)}
    entities = cedarpy.Entities.from_json_str("[]")

    def decide(action: Action) -> Decision:
        request = {
            "principal": 'User::"clerk"',
            "action": 'Action::"call"',
            "resource": 'Tool::"pay"',
            "context": {"tool": action.tool, "amount": action.args["amount"], "currency": action.args["currency"]},
        }
        found = cedarpy.is_authorized(request, policies, entities)
        return _decided([names[reason] for reason in found.diagnostics.reasons])

    return decide


def _celpy(desks: int) -> Callable[[Action], Decision]:
    """Only the rules of the tool are asked: choosing them is not what this library is for."""
    import celpy  # type: ignore[import-not-found]  # noqa: PLC0415 - as above

    environment = celpy.Environment()
    rules: dict[str, list[tuple[str, Any]]] = {}
    for desk in range(desks):
        limit = limit_of(desk)
        for name, text in (
            (f"small-{desk}", f"args.amount > 0 && args.amount <= {limit} && args.currency in ['EUR', 'GBP']"),
            (
                f"large-{desk}",
                f"args.amount > {limit} && args.amount <= {10 * limit} && args.currency in ['EUR', 'GBP', 'USD']",
            ),
        ):
            program = environment.program(environment.compile(text))
            rules.setdefault(f"desk{desk}.pay", []).append((name, program))

    def decide(action: Action) -> Decision:
        data = {"args": celpy.json_to_cel(action.args)}
        return _decided([name for name, program in rules[action.tool] if program.evaluate(data)])

    return decide


_CASBIN = """
[request_definition]
r = tool, amount, currency
[policy_definition]
p = tool, rule, eft
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = keyMatch(r.tool, p.tool) && eval(p.rule)
"""


def _casbin(desks: int) -> Callable[[Action], Decision]:
    import casbin  # type: ignore[import-not-found]  # noqa: PLC0415 - as above

    model = casbin.Enforcer.new_model(text=_CASBIN)
    enforcer = casbin.Enforcer(model)
    names = {}
    for desk in range(desks):
        limit = limit_of(desk)
        for name, tool, text in (
            (
                f"small-{desk}",
                f"desk{desk}.pay",
                f"r.amount > 0 && r.amount <= {limit} && r.currency in ('EUR', 'GBP')",
            ),
            (
                f"large-{desk}",
                f"desk{desk}.*",
                f"r.amount > {limit} && r.amount <= {10 * limit} && r.currency in ('EUR', 'GBP', 'USD')",
            ),
        ):
            enforcer.add_policy(tool, text, "allow")
            names[tool, text] = name

    def decide(action: Action) -> Decision:
        _, found = enforcer.enforce_ex(action.tool, action.args["amount"], action.args["currency"])
        return _decided([names[found[0], found[1]]] if found else [])

    return decide
