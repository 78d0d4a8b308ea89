"""A bare function under the policies, without an agent and without a model.

Run it from here: `python -m examples.gate`.
"""

from __future__ import annotations

from pathlib import Path

from hitl_fsm import Engine, tool
from hitl_fsm.errors import Denied, Paused

engine = Engine(policies=Path(__file__).parent.parent / "policies", actors={"rob": ["release"]})


@engine.gate
@tool(name="deploy.release", version="1")
def release(service: str, version: str, target: str) -> str:
    """Release a version of a service."""
    return f"{service} {version} is live on {target}"


def main() -> None:
    """Free, held back, approved, denied."""
    print(release("web", "1.4.0", target="staging"))
    try:
        release("web", "1.4.0", target="production")
    except Paused as pause:
        print(f"paused: {pause.message}")
        run = engine.runs.get(pause.run_id)
        for requirement in run.active_requirements:
            requirement.confirm(by="rob", note="tested on staging")
        print(release.resume(pause.run_id))
    try:
        release("ledger", "2.0.1", target="production")
    except Denied as denied:
        print(f"denied: {denied.message}")


if __name__ == "__main__":
    main()
