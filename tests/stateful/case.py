"""One call as the reference sees it, and what a broken law is."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hitl_fsm.model.actor import Actor
from stateful.shop import REVIEWERS, before


class Broken(AssertionError):
    """A law does not hold. The message begins with its number."""


def hold(law: int, holds: bool, what: str) -> None:
    """Broken unless it holds."""
    if not holds:
        message = f"law {law:02}: {what}"
        raise Broken(message)


@dataclass
class Begun:
    """One start of a call: at which version of the log, for which execution, of which action, after which gates."""

    version: int
    execution: int
    args: dict[str, Any]
    passed: frozenset[str]


@dataclass
class Case:
    """A call as the reference sees it. `passed` are the kinds of gates that somebody opened for these arguments.

    `again`: somebody allowed another start. Reviewers: this is the `execution`-th that they saw, its result `held`;
    `looked` are reviews passed, each with the result that it let pass, and `kept` all results that ever were to wait.
    `yes` have those who voted so for these arguments, after `level` escalations, the last of them at `risen_at` (ms).
    In the end the model may have `told`, from version `over_at` on. `substituted`: a person gave the result instead.
    """

    tool: str
    args: dict[str, Any]
    place: int
    needs: set[str] | None
    provider_id: str = ""
    passed: set[str] = field(default_factory=set)
    refused: bool = False
    begun: list[Begun] = field(default_factory=list)
    lost: bool = False
    again: bool = False
    over: bool = False
    over_at: int = 0
    execution: int = 1
    sent_back: int = 0
    in_review: bool = False
    held: Any = None
    looked: set[tuple[str, str]] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)
    told: str | None = None
    substituted: bool = False
    yes: set[str] = field(default_factory=set)
    level: int = 0
    risen_at: int = 0

    def unreviewed(self) -> set[str]:
        """Who has not let the held result pass."""
        done = {gate for gate, result in self.looked if result == as_text(self.held)}
        return set(self.needs or ()) & REVIEWERS.keys() - done

    def ungated(self) -> bool:
        """Whether all before the call was passed."""
        return self.needs is not None and before(self.needs) <= self.passed

    def may_begin(self) -> bool:
        """It has no start that is not done with."""
        return not self.over and not self.in_review and (not self.begun or self.again)


def as_text(result: Any) -> str:
    """What a model reads of a result."""
    return result if isinstance(result, str) else json.dumps(result, separators=(",", ":"), ensure_ascii=False)


def may_answer(question: str, by: Actor, requester: str, level: int = 0) -> bool:
    """Law 13, from who stands where in these tests; `level`: after so many escalations."""
    match question:
        case "approval" if level:
            return by.kind == "human" and "ops" in by.roles and by.id != requester
        case "confirm" | "user_input" | "review":
            return by.kind == "human" and by.id == requester
        case "approval" | "review:finance":
            return by.kind == "human" and "finance" in by.roles and by.id != requester
        case "external":
            return by.kind != "agent"
        case _:
            return by.kind == "human"
