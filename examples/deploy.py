"""A release agent. Staging is free, production needs somebody of release who did not ask for it.

Run it from here: `hitl-fsm run examples.deploy:agent "Ship web 1.4.0" --user alice`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hitl_fsm import Agent, Engine, tool

HERE = Path(__file__).parent
MODEL = f"scripted/{HERE / 'deploy.script.yaml'}"  # for a real model: MODEL = "anthropic/claude-sonnet-4-5"


@tool(name="deploy.plan", version="1", idempotent=True)
def plan(service: str, version: str) -> list[str]:
    """List what a release would change."""
    return [f"{service}: image -> {version}", f"{service}: 2 database migrations"]


@tool(name="deploy.release", version="1")
def release(service: str, version: str, target: Literal["staging", "production"]) -> str:
    """Release a version of a service."""
    return f"{service} {version} is live on {target}"


@tool(name="deploy.rollback", version="1")
def rollback(service: str, to_version: str) -> str:
    """Go back to an earlier version of a service."""
    return f"{service} is back at {to_version}"


engine = Engine(
    policies=HERE.parent / "policies",
    actors={"alice": ["developer"], "rob": ["developer", "release"]},
)
agent = Agent(
    name="deploys",
    model=MODEL,
    tools=[plan, release, rollback],
    instructions="Ship what you are asked to ship: plan, staging, production. Frozen services do not move.",
    engine=engine,
)
