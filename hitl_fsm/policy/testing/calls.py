"""From the `call` of a case, and what it inherits, to an action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.patterns import is_glob, is_pattern
from hitl_fsm.policy.source import Path, Source
from hitl_fsm.policy.testing.document import Call, NamedUser

_INSTANT_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z: a case without `now` comes out the same every day
_SHOWN = 5
_INSTANT_HINT = "write it as 2026-01-31T12:00:00Z"


def call_findings(source: Source, call: Call, path: Path, users: Mapping[str, NamedUser]) -> Iterator[Diagnostic]:
    """What is wrong with one `call`, whether or not others inherit from it."""
    if call.tool and is_glob(call.tool):
        message = f"{call.tool!r} is a pattern; a call names one tool"
        yield source.diagnostic(Code.TEST_CALL, message, source.node((*path, "tool")), "write the tool's full name")
    elif call.tool and not is_pattern(call.tool):
        yield source.diagnostic(
            Code.TEST_CALL,
            f"{call.tool!r} cannot be a tool",
            source.node((*path, "tool")),
            "letters, digits, `_ . : / -`",
        )
    if isinstance(call.user, str) and call.user not in users:
        some = ", ".join(list(users)[:_SHOWN])
        known = did_you_mean(call.user, users) or (f"there are: {some}" if users else "")
        help_text = known or f"add it: users: {{{call.user}: {{roles: []}}}}"
        node = source.node((*path, "user"))
        yield source.diagnostic(Code.TEST_USER, f"`users` has no {call.user!r}", node, help_text)
    if call.now is not None and instant_ms(call.now) is None:
        message = f"{call.now!r} is not an instant"
        yield source.diagnostic(Code.TEST_CALL, message, source.node((*path, "now")), _INSTANT_HINT)


def instant_ms(text: str) -> int | None:
    """Milliseconds since the epoch; UTC unless the text says otherwise. None for what is no instant."""
    try:
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def action_of(inherited: Call, own: Sequence[Call], users: Mapping[str, NamedUser]) -> Action | None:
    """The action of a case: each call adds to those before it. None where it names no tool, step or agent.

    A case that names a step and no tool of its own is the step itself, whatever tool it would inherit.
    """
    said = _merged([inherited, *own])
    if any(call.step for call in own) and not any(call.tool for call in own):
        said["tool"] = ""
    if not (said.get("tool") or said.get("step") or said.get("agent")):
        return None
    now = instant_ms(said["now"]) if "now" in said else _INSTANT_MS
    return Action(
        tool=said.get("tool", ""),
        args=said.get("args", {}),
        user=_actor(said.get("user"), users),
        now=_INSTANT_MS if now is None else now,
        agent=said.get("agent", ""),
        env=said.get("env", {}),
        step=said.get("step", ""),
        team=said.get("team", ""),
        workflow=said.get("workflow", ""),
    )


def _merged(calls: Sequence[Call]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for call in calls:
        for name in type(call).model_fields:
            value = getattr(call, name)
            if value is None:
                continue
            said[name] = {**said.get(name, {}), **value} if isinstance(value, dict) else value
    return said


def _actor(user: Any, users: Mapping[str, NamedUser]) -> Actor:
    if user is None:
        return Actor("")
    if isinstance(user, str):
        found = users.get(user)
        return Actor(user) if found is None else Actor(found.id or user, tuple(found.roles), found.kind)
    return Actor(user.id, tuple(user.roles), user.kind)
