"""A process that writes while a backup is taken: `python backup_writer.py FOLDER URL`, until FOLDER/stop is there."""

from __future__ import annotations

import sys
from pathlib import Path

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel
from house import call, calls, policies, policy_text


@tool
def pay(to: str, amount: int) -> str:
    """Send money."""
    return "paid"


class Place:
    """An application on a store."""

    def __init__(self, url: str) -> None:
        self.engine = Engine(policies(policy_text("- {id: all, gate: confirm}")), url)
        script = [calls(call("pay", to="bob", amount=5), call("pay", to="ann", amount=6)), {"say": "the end"}]
        self.agent = Agent("payer", ScriptedModel(script), engine=self.engine, tools=[pay])

    def states(self) -> list[str]:
        return [row.state for row in self.engine.runs.list(limit=10_000)]


def main(folder: Path, url: str) -> None:
    """Start runs, leave each third one waiting, and tell of each in `made`."""
    place, count = Place(url), 0
    while not (folder / "stop").exists():
        run, count = place.agent.run("go", user="alice"), count + 1
        if count % 3:
            for requirement in run.active_requirements:
                run = requirement.confirm(by="alice")
            place.agent.continue_run(run)
        with (folder / "made").open("a") as file:
            file.write(".")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
