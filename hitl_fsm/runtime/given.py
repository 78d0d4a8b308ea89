"""What the application hands in, held to its type before it reaches a log: prompts, reasons, actors.

Python does not check annotations, and a log line of another type could be written but never read again.
"""

from __future__ import annotations

import json
from typing import Any

from hitl_fsm.errors import ArgumentsUnreadable, InputRefused
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.text import is_whole
from hitl_fsm.runtime.tools.arguments import read_arguments

PROMPT_LIMIT = 1024 * 1024
"""Characters of a prompt."""
REASON_LIMIT = 4_096
"""Characters of the reason of a cancellation."""
ACTOR_NAME_LIMIT = 1_000
"""Characters of an actor's id, of one role, and of what else names somebody."""
ROLES_LIMIT = 1_000
"""Roles of one actor, and groups."""

_KINDS = ("human", "agent", "service", "timer")


def checked_text(value: object, what: str, limit: int) -> str:
    """Plain text of at most `limit` characters; InputRefused, which says what `what` is instead."""
    if not isinstance(value, str):
        msg = f"{what} must be text (str), not {type(value).__name__}"
        raise InputRefused(msg, help="nothing was done; give it as a str")
    if len(value) > limit:
        msg = f"{what} has {len(value)} characters, the limit is {limit}"
        raise InputRefused(msg, help="nothing was done; shorten it, or give a reference to the data")
    if not is_whole(value):
        msg = f"{what} is not valid text: it has half of a surrogate pair, which no UTF-8 can hold"
        raise InputRefused(msg, help="nothing was done; was it read from bytes that are not UTF-8?")
    return str.__str__(value)


def checked_prompt(value: object) -> str:
    """What an agent is to do."""
    return checked_text(value, "the prompt", PROMPT_LIMIT)


def checked_input(value: object) -> tuple[str, Any]:
    """What a workflow starts with: text, or a JSON value with its text beside it."""
    if isinstance(value, str):
        return checked_prompt(value), None
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text, read_arguments(f'{{"input":{text}}}')["input"]
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the input has no JSON form: {error}"
    except ArgumentsUnreadable as error:
        msg = f"the input cannot be used: {error.message.partition(': ')[2]}"
    raise InputRefused(msg, help="nothing was done; give text, or plain values")


def checked_reason(value: object) -> str | None:
    """Why a run is cancelled, if somebody says so."""
    return None if value is None else checked_text(value, "the reason", REASON_LIMIT)


def stated_reason(value: object) -> str:
    """Why something is kept or forgotten: somebody has to say so."""
    why = checked_text(value, "the reason", REASON_LIMIT)
    if not why.strip():
        msg = "a reason must be said"
        raise InputRefused(msg, help="nothing was done; say why in a sentence")
    return why


def checked_name(value: object, what: str) -> str:
    """A name that is not empty."""
    name = checked_text(value, what, ACTOR_NAME_LIMIT)
    if not name:
        msg = f"{what} is empty"
        raise InputRefused(msg, help="nothing was done; give a name")
    return name


def checked_note(value: object) -> bytes:
    """A signed checkpoint as it was kept; InputRefused for the name of its file."""
    if isinstance(value, bytes):
        return value
    msg = f"a checkpoint must be its bytes, not {type(value).__name__}"
    raise InputRefused(msg, help="nothing was verified; give what the file has: Path(…).read_bytes()")


def checked_instant(value: object, what: str) -> int | None:
    """Milliseconds since the epoch, or none."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    msg = f"{what} must be milliseconds since the epoch (int), not {type(value).__name__}"
    raise InputRefused(msg, help="nothing was done; of a datetime it is round(moment.timestamp() * 1000)")


def checked_answer(value: object) -> Answer:
    """One of the answers' values, each in its own type: no text, however it reads, is an answer (law 9)."""
    if isinstance(value, Answer):
        return value
    given = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    msg = f"an answer must be a value such as Approve(), not {given}"
    told = "give Approve(), Reject(note=…), … of hitl_fsm.model.answer; or use requirement.confirm(), .reject(), …"
    raise InputRefused(msg, help=told)


def checked_actor(value: object, what: str = "the actor") -> Actor:
    """An Actor whose fields have their types; roles given as a list become the tuple that they should be."""
    if not isinstance(value, Actor):
        msg = f"{what} must be an Actor, not {type(value).__name__}"
        raise InputRefused(msg, help="give an Actor, or a name as a str")
    behalf = value.on_behalf_of
    if value.kind not in _KINDS:
        msg = f"the kind of {what} is none of {', '.join(_KINDS)}"
        raise InputRefused(msg, help="leave it out for a person")
    return Actor(
        id=checked_name(value.id, f"the id of {what}"),
        roles=_roles(value.roles, "role", what),
        kind=value.kind,
        authenticated_by=checked_text(value.authenticated_by, f"authenticated_by of {what}", ACTOR_NAME_LIMIT),
        on_behalf_of=None if behalf is None else checked_name(behalf, f"on_behalf_of of {what}"),
        person=checked_text(value.person, f"the person of {what}", ACTOR_NAME_LIMIT),
        groups=_roles(value.groups, "group", what),
        printed_name=checked_text(value.printed_name, f"the printed name of {what}", ACTOR_NAME_LIMIT),
    )


def _roles(value: Any, one: str, what: str) -> tuple[str, ...]:
    if not isinstance(value, (tuple, list)):
        msg = f"the {one}s of {what} must be a tuple of texts, not {type(value).__name__}"
        raise InputRefused(msg, help=f'write {one}s=("finance",), with the comma')
    if len(value) > ROLES_LIMIT:
        msg = f"{what} has {len(value)} {one}s, the limit is {ROLES_LIMIT}"
        raise InputRefused(msg, help=f"give the {one}s that the policies name")
    return tuple(checked_name(named, f"a {one} of {what}") for named in value)
