"""An agent over a store in memory, for tests that are written as somebody who knows Agno would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hitl_fsm import Agent, Engine, Workflow
from hitl_fsm.testing import MemoryStore, ScriptedModel
from house import policies, policy_text


def an_engine(rules: str, tools: str = '["*"]', **options: Any) -> Engine:
    """Policies from the items of `rules`, over every tool unless told otherwise."""
    found = policies(policy_text(rules, tools=tools))
    return Engine(found, MemoryStore(), actors={"maria": ["manager"], "otto": ["manager"]}, **options)


def asks(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A turn of the model that asks for these calls."""
    return {"calls": [{"tool": tool, "args": args} for tool, args in calls]}


def an_agent(rules: str, *tools: Callable[..., Any], script: list[Any], say: str = "{last_result}") -> Agent:
    """It says the script's turns, then the last result that it was told."""
    model = ScriptedModel([*script, {"say": say}])
    return Agent(name="agent", model=model, tools=list(tools), engine=an_engine(rules))


def told(agent: Agent, run_id: str) -> list[str]:
    """What the model reads of its calls, in order."""
    from hitl_fsm.core.replay import replay

    _, messages = replay(agent.engine.runs.events(run_id))
    return [message.content for message in messages if message.role == "tool"]


def a_workflow(rules: str, *steps: Any) -> Workflow:
    """What no rule is about goes on."""
    engine = an_engine(rules, tools='["*"]\nsteps: ["*"]\ndefault: allow')
    return Workflow("flow", list(steps), engine=engine)
