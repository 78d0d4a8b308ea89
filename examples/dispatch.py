"""A workflow: a parcel is weighed and inspected side by side, a person chooses its way, another one reads the letter.

Run it from here: `python -m examples.dispatch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hitl_fsm import Engine, Parallel, RequirementHandle, Router, Step, Workflow


def weigh(parcel: dict[str, Any]) -> float:
    """Weigh it with its box."""
    return float(parcel["kilos"]) + 0.5


def inspect(parcel: dict[str, Any]) -> str:
    """Look for what may not be sent."""
    return "for the customs" if "battery" in parcel["what"] else "nothing forbidden"


def pack(found: dict[str, Any], workflow_input: dict[str, Any]) -> str:
    """`found` has what both branches came to, by their names."""
    return f"{workflow_input['what']}, {found['weigh']} kg, {found['inspect']}"


def road(parcel: str) -> str:
    """Three days."""
    return f"{parcel}, by road"


def air(parcel: str) -> str:
    """One day."""
    return f"{parcel}, by air"


def letter(parcel: str, feedback: str) -> str:
    """Tell the customer; again, where a reader was not content."""
    return f"{feedback or 'Dear customer'}: on its way are {parcel}."


engine = Engine(
    policies=Path(__file__).parent / "dispatch.policy.yaml",
    actors={"alice": ["logistics"], "maria": ["support"]},
)
workflow = Workflow(
    "dispatch",
    [
        Parallel(weigh, inspect, name="look"),
        Step("pack", pack, on_reject="cancel"),
        Router("way", [road, air]),  # without `choose` a person says which
        letter,
    ],
    engine=engine,
)


def answer(requirement: RequirementHandle) -> None:
    """What Alice and Maria say here; elsewhere it is an inbox, a page or a shell that asks them."""
    if requirement.needs_review:
        print("  it reads:", requirement.result)
        if "Dear customer" in str(requirement.result):
            requirement.retry(by="maria", note="Dear Ana")
        else:
            requirement.accept(by="maria")
    elif requirement.needs_user_input:
        requirement.provide_user_input({"route": "air"}, by="alice")
    else:
        requirement.confirm(by="alice")


def main() -> None:
    """Every question of one parcel, and where it ends."""
    run = workflow.run({"what": "12 books", "kilos": 25}, user="alice")
    while run.is_paused:
        for requirement in run.active_requirements:
            print(f"{requirement.kind}: {' / '.join(requirement.path)}")
            answer(requirement)
        run = workflow.continue_run(run)
    print(f"{run.state.value}: {run.output}")


if __name__ == "__main__":
    main()
