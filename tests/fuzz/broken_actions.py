"""Actions that a model, or somebody who wants to get past the rules, might ask for."""

# ruff: noqa: E501 - tables of values

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.compiled import CompiledPolicy
from hitl_fsm.policy.evaluate import PolicySet

NOW = 1_767_225_600_000
_PLAIN: dict[str, Any] = {
    "amount": 10, "currency": "EUR", "order_id": "o1", "items": [{"price": 1, "name": "ab"}], "path": "/a", "to": "a@example.com",
    "body": "secret", "command": "ls", "s": "aaa", "size": 4, "ok": True, "n": 1, "a": 1, "k": "a", "url": "https://example.com/",
}  # fmt: skip
_VALUES: list[Any] = [
    *(
        None,
        True,
        "",
        "10",
        "error",
        "\x00",
        "\ud800",
        "é\u202e",
        -1,
        0,
        2**53 + 1,
        2**63 - 1,
        2**63,
        10**400,
        1.5,
        -0.0,
        1e308,
    ),
    *(
        math.nan,
        math.inf,
        -math.inf,
        [],
        {},
        [[]],
        {"a": {}},
        [math.nan],
        {"": 1},
        {1: 2},
        (1, 2),
        {1, 2},
        b"x",
        object(),
        1j,
    ),
]


@cache
def _deep(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


@cache
def _huge(kind: str) -> Any:
    return {
        "text": "a" * 1_000_000,
        "list": list(range(9000)),
        "more": list(range(20_000)),
        "texts": ["ab" * 20] * 4000,
    }[kind]


def subjects(policies: PolicySet) -> list[tuple[str, str, str]]:
    """Tool, step and agent that the policies are about, a few of them; and one that none is about."""
    found = [one for policy in policies._policies for one in _of(policy)]
    return [*list(dict.fromkeys(found))[:3], ("nobody.knows", "", "")]


def _of(policy: CompiledPolicy) -> list[tuple[str, str, str]]:
    agent = _example((policy.agents or ("",))[0])
    tools = [pattern for rule in policy.rules for pattern in rule.tools if pattern] or list(policy.tools)
    return [
        *((_example(tool), "", agent) for tool in dict.fromkeys([*tools[:2], *policy.tools[:1]])),
        *(("", _example(step), agent) for step in policy.steps[:1]),
        *([("", "", agent)] if agent and not policy.tools else []),
    ]


def _example(pattern: str) -> str:
    return pattern.replace("*", "x")


def actions(rng: random.Random, policies: PolicySet) -> list[Action]:
    """Good ones, and broken ones, of each subject."""
    found: list[Action] = []
    for tool, step, agent in subjects(policies):
        for args in [_PLAIN, {}, *(_broken(rng) for _ in range(4))]:
            user = Actor("ann", rng.choice([(), ("finance",), ("cfo", "finance")]))
            if rng.random() < 0.05:
                user = Actor(rng.choice(["", "a\x00b", "\ud800"]), ("\x00",))
            env = rng.choice([{}, {"stage": "prod"}])
            found.append(Action(tool, args, user, NOW, "run_1", agent, env, step))
    return found


def _broken(rng: random.Random) -> dict[str, Any]:
    args = dict(_PLAIN)
    for name in rng.sample(list(args), rng.choice([1, 2, 5, 15])):
        args[name] = rng.choice(_VALUES)
    if rng.random() < 0.1:
        args[rng.choice(list(args))] = rng.choice([_deep(20), _deep(63), _deep(70), _deep(50_000)])
    if rng.random() < 0.06:
        args[rng.choice(["s", "items", "command", "path"])] = _huge(rng.choice(["text", "list", "more", "texts"]))
    if rng.random() < 0.1:
        args[rng.choice(["\x00", "\ud800", "", "x" * 10_000])] = 1
    return args
