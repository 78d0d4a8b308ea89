"""Read a run while it happens, answer where it pauses, go on.

Run it from here: `python -m examples.stream`.
"""

from __future__ import annotations

from collections.abc import Iterator

from examples.deploy import agent
from hitl_fsm.runtime.streaming import stream
from hitl_fsm.runtime.streaming.stream import StreamEvent


def show(events: Iterator[StreamEvent]) -> str:
    """Print what happens, as it happens; the run's id."""
    run_id, talking = "", False
    for event in events:
        run_id = event.run_id
        if talking and not isinstance(event, stream.ContentDelta):
            print()
            talking = False
        match event:
            case stream.ContentDelta(text=text):
                print(text, end="", flush=True)
                talking = True
            case stream.ToolCallStarted(tool_name=name, tool_args=args):
                print(f"  {name} {args}")
            case stream.ToolCallCompleted(tool_name=name, state=state, result=result):
                print(f"  {name} {state}: {result}")
            case stream.RunPaused():
                for requirement in event.active_requirements:
                    print(f"paused: {requirement.kind} for {requirement.tool.tool_name} {requirement.tool.tool_args}")
    return run_id


def main() -> None:
    """Pause, the answers of somebody else, and the rest of the run."""
    run_id = show(agent.run("Ship web 1.4.0", user="alice", stream=True))
    for requirement in agent.engine.runs.get(run_id).active_requirements:
        requirement.confirm(by="rob", note="go")
    show(agent.continue_run(run_id=run_id, stream=True))


if __name__ == "__main__":
    main()
