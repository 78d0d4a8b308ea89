"""A run for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.answers.present import one_line
from hitl_fsm.cli.audit.line import line_cells
from hitl_fsm.cli.page import Field, Fields, Grid, Lines, Page
from hitl_fsm.cli.runs.usage import usage_line
from hitl_fsm.cli.when import stamp
from hitl_fsm.core.frames import way_to
from hitl_fsm.model.paths import depth, frame_of, way
from hitl_fsm.runtime.presenting.presentation import shown_call

if TYPE_CHECKING:
    from hitl_fsm.cli.reading import RunReport
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Frame, Run


def run_page(report: RunReport, timeline: list[dict[str, Any]]) -> Page:
    """State, path, the runs inside it, calls, questions, timeline."""
    run = report.run
    facts = [
        Field("run", run.run_id),
        Field(run.kind, f"{run.name} for {run.user.id}"),
        Field("prompt", report.prompt),
        Field("state", run.state.value, "strong"),
        Field("path", " → ".join(report.path)),
        Field("created", stamp(run.created_at)),
        Field("last step", stamp(report.updated_at)),
    ]
    if run.usage.replies:
        facts.append(Field("models", usage_line(run.usage)))
    if run.error:
        facts.append(Field("error", run.error, "bad"))
    blocks: list[Fields | Grid | Lines] = [Fields(tuple(facts))]
    if run.output is not None:
        blocks.append(Lines("output", tuple(run.output.split("\n"))))
    if run.frames:
        blocks.append(Lines("under way inside", tuple(_inside(run, frame) for frame in run.frames)))
    if report.calls:
        rows = tuple(
            (call.call_id, call.state.value, f"{call.tool} {one_line(call.args or {})}", call.problem or "")
            for call in map(shown_call, report.calls)
        )
        blocks.append(Grid(("call", "state", "action", "problem"), rows))
    if report.requirements:
        blocks.append(Grid(("question", "kind", "state", "call", "answer"), tuple(map(_row, report.requirements))))
    if timeline:
        blocks.append(Grid(("seq", "time", "event", "by", "what"), tuple(map(line_cells, timeline))))
    return Page(tuple(blocks))


def _inside(run: Run, frame: Frame) -> str:
    """One run inside the run, a step further in for each above it."""
    above = way_to(run, frame_of(frame.path))
    asked = sum(frame_of(one.call_id) == frame.path for one in run.open_requirements)
    told = [f"turn {frame.turn}"]
    told += [f"waits for {asked} answer{'s' if asked > 1 else ''}"] if asked else []
    told += [f"its model failed: {frame.error}"] if frame.error else []
    here = way(way_to(run, frame.path)[len(above) :])
    return f"{'  ' * (depth(frame.path) - 1)}{here} ({frame.path}): {', '.join(told)}"


def _row(requirement: Requirement) -> tuple[str, ...]:
    resolution = requirement.resolution
    answer = ""
    if resolution is not None:
        answer = f"{resolution.answer.__struct_config__.tag} by {resolution.by.id}"
        if resolution.answer.note:
            answer += f": {resolution.answer.note}"
    return (requirement.requirement_id, requirement.kind, requirement.state.value, requirement.call_id, answer)
