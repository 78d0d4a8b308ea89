"""Human-in-the-loop agents as explicit finite-state machines, gated by YAML policies.

The public names are imported when they are first used, so that `import hitl_fsm` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hitl_fsm.connect import Engine as Engine
    from hitl_fsm.connect import Workflow as Workflow
    from hitl_fsm.errors import HitlError as HitlError
    from hitl_fsm.mcp import MCPServer as MCPServer
    from hitl_fsm.model.actor import Actor as Actor
    from hitl_fsm.model.answer import GrantTerms as GrantTerms
    from hitl_fsm.model.context import CallContext as CallContext
    from hitl_fsm.policy.marks import Money as Money
    from hitl_fsm.policy.marks import Subject as Subject
    from hitl_fsm.policy.sensitive import Sensitive as Sensitive
    from hitl_fsm.runtime.agents.agent import Agent as Agent
    from hitl_fsm.runtime.agents.ask_user import ask_user as ask_user
    from hitl_fsm.runtime.agents.guards import GuardRefused as GuardRefused
    from hitl_fsm.runtime.agents.guards import Guards as Guards
    from hitl_fsm.runtime.agents.hooks import Hooks as Hooks
    from hitl_fsm.runtime.agents.session import History as History
    from hitl_fsm.runtime.agents.team import Team as Team
    from hitl_fsm.runtime.handles import RequirementHandle as RequirementHandle
    from hitl_fsm.runtime.handles import RunHandle as RunHandle
    from hitl_fsm.runtime.limits import Limits as Limits
    from hitl_fsm.runtime.tools.tool import Tool as Tool
    from hitl_fsm.runtime.tools.tool import current_call as current_call
    from hitl_fsm.runtime.tools.tool import tool as tool
    from hitl_fsm.runtime.tools.toolkit import Toolkit as Toolkit
    from hitl_fsm.runtime.workflow.given import StepInput as StepInput
    from hitl_fsm.runtime.workflow.nodes import Condition as Condition
    from hitl_fsm.runtime.workflow.nodes import Loop as Loop
    from hitl_fsm.runtime.workflow.nodes import Parallel as Parallel
    from hitl_fsm.runtime.workflow.nodes import Retry as Retry
    from hitl_fsm.runtime.workflow.nodes import Router as Router
    from hitl_fsm.runtime.workflow.nodes import Step as Step
    from hitl_fsm.runtime.workflow.nodes import Steps as Steps

__version__ = "0.1.0"

_HOMES = {
    "Actor": "hitl_fsm.model.actor",
    "Agent": "hitl_fsm.runtime.agents.agent",
    "ask_user": "hitl_fsm.runtime.agents.ask_user",
    "CallContext": "hitl_fsm.model.context",
    "Condition": "hitl_fsm.runtime.workflow.nodes",
    "current_call": "hitl_fsm.runtime.tools.tool",
    "Engine": "hitl_fsm.connect",
    "GrantTerms": "hitl_fsm.model.answer",
    "GuardRefused": "hitl_fsm.runtime.agents.guards",
    "Guards": "hitl_fsm.runtime.agents.guards",
    "History": "hitl_fsm.runtime.agents.session",
    "HitlError": "hitl_fsm.errors",
    "Hooks": "hitl_fsm.runtime.agents.hooks",
    "Limits": "hitl_fsm.runtime.limits",
    "Loop": "hitl_fsm.runtime.workflow.nodes",
    "MCPServer": "hitl_fsm.mcp",
    "Money": "hitl_fsm.policy.marks",
    "Parallel": "hitl_fsm.runtime.workflow.nodes",
    "RequirementHandle": "hitl_fsm.runtime.handles",
    "Retry": "hitl_fsm.runtime.workflow.nodes",
    "Router": "hitl_fsm.runtime.workflow.nodes",
    "RunHandle": "hitl_fsm.runtime.handles",
    "Sensitive": "hitl_fsm.policy.sensitive",
    "Step": "hitl_fsm.runtime.workflow.nodes",
    "StepInput": "hitl_fsm.runtime.workflow.given",
    "Steps": "hitl_fsm.runtime.workflow.nodes",
    "Subject": "hitl_fsm.policy.marks",
    "Team": "hitl_fsm.runtime.agents.team",
    "Tool": "hitl_fsm.runtime.tools.tool",
    "tool": "hitl_fsm.runtime.tools.tool",
    "Toolkit": "hitl_fsm.runtime.tools.toolkit",
    "Workflow": "hitl_fsm.connect",
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
