"""Human-in-the-loop agents as explicit finite-state machines, gated by YAML policies.

The public names are imported when they are first used, so that `import hitl_fsm` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hitl_fsm.connect import Engine as Engine
    from hitl_fsm.errors import HitlError as HitlError
    from hitl_fsm.model.actor import Actor as Actor
    from hitl_fsm.model.context import CallContext as CallContext
    from hitl_fsm.runtime.agent import Agent as Agent
    from hitl_fsm.runtime.ask_user import ask_user as ask_user
    from hitl_fsm.runtime.handles import RequirementHandle as RequirementHandle
    from hitl_fsm.runtime.handles import RunHandle as RunHandle
    from hitl_fsm.runtime.toolkit import Toolkit as Toolkit
    from hitl_fsm.runtime.tools import Tool as Tool
    from hitl_fsm.runtime.tools import current_call as current_call
    from hitl_fsm.runtime.tools import tool as tool

__version__ = "0.1.0"

_HOMES = {
    "Actor": "hitl_fsm.model.actor",
    "Agent": "hitl_fsm.runtime.agent",
    "CallContext": "hitl_fsm.model.context",
    "Engine": "hitl_fsm.connect",
    "HitlError": "hitl_fsm.errors",
    "RequirementHandle": "hitl_fsm.runtime.handles",
    "RunHandle": "hitl_fsm.runtime.handles",
    "Tool": "hitl_fsm.runtime.tools",
    "Toolkit": "hitl_fsm.runtime.toolkit",
    "ask_user": "hitl_fsm.runtime.ask_user",
    "current_call": "hitl_fsm.runtime.tools",
    "tool": "hitl_fsm.runtime.tools",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - names of the table above


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        msg = f"module 'hitl_fsm' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
