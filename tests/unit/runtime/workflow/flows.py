"""Engines and steps for the tests of workflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hitl_fsm import Engine, Step
from house import House, policies


def policy(name: str, covers: str, rules: str = "", default: str = "allow") -> bytes:
    head = f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: {name}\nowner: a@example.com\ndescription: For a test.\n"
    return f"{head}{covers}\ndefault: {default}\nrules: [{rules}]\n".encode()


def engine_of(house: House, rules: str = "", tools: str = "") -> Engine:
    """Each step may begin, and each tool be called, unless the rules say otherwise."""
    return house.engine(policies(policy("flow", 'steps: ["*"]', rules), policy("tools", 'tools: ["*"]', tools)))


def add(letter: str) -> Callable[[str], str]:
    def run(text: str) -> str:
        return text + letter

    return run


def step(letter: str, **words: Any) -> Step:
    return Step(letter, add(letter), **words)
