"""How `run` and `runs continue` tell what became of a run, and with which exit code they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import typer

from hitl_fsm.cli.answers.present import open_questions, waiting_lines
from hitl_fsm.cli.output import error, json_document, json_line, say, text_block, write
from hitl_fsm.model.paths import call_of, way
from hitl_fsm.model.states import RunState
from hitl_fsm.model.visible import visible_block
from hitl_fsm.runtime.streaming.stream import (
    ContentDelta,
    RequirementResolved,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunPaused,
    StepStarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.run import Run
    from hitl_fsm.runtime.streaming.stream import StreamEvent

EXIT_PAUSED = 8
EXIT_FAILED = 3
EXIT_CANCELLED = 5
LINE_CHARS = 2_000
"""Of what a member says without an end of line, before it is told as a line."""
VALUE_CHARS = 200
"""Of a value in a line that tells of an event; what is left out is counted there."""


def document(run: Run) -> dict[str, Any]:
    """A run as `run --format json` prints it."""
    return {
        "run": run.run_id,
        "state": run.state,
        "output": run.output,
        "error": run.error,
        "requirements": open_questions(run),
    }


def finish(session: Session, run: Run, *, streamed: bool) -> None:
    """Print what became of the run (in JSON with --stream the events were it), and exit accordingly."""
    if session.json and not streamed:
        json_document(document(run))
    elif not session.json:
        _tell(session, run, streamed=streamed)
    if run.state is RunState.FAILED:
        error(f"{run.run_id} failed: {run.error}", _after_failure(session, run))
        raise typer.Exit(EXIT_FAILED)
    if run.state is RunState.CANCELLED:
        error(f"{run.run_id} was cancelled; it cannot go on", f"`hitl-fsm runs show {run.run_id}` tells more")
        raise typer.Exit(EXIT_CANCELLED)
    if run.is_paused:
        raise typer.Exit(EXIT_PAUSED)


def _after_failure(session: Session, run: Run) -> str:
    """What to do next; a workflow whose step ended badly comes to the same end again."""
    again = f"`{session.going_on(run.run_id)}` tries again from there"
    if run.kind != "workflow":
        return again
    return f"{again}; a step that was refused, or failed for good, stays so: start another run"


def _tell(session: Session, run: Run, *, streamed: bool) -> None:
    if run.is_paused:
        say(session, *waiting_lines(run, session), "", f"then: {session.going_on(run.run_id)}")
    elif run.state is RunState.DONE:
        if not streamed:
            text_block(run.output or "")
        say(session, f"{run.run_id} is done")


def teller(session: Session) -> Callable[[StreamEvent], None]:
    """What prints each event as it happens: text as data, everything else as a line of words."""
    if session.json:
        return lambda event: json_line(_event(event))
    return _Teller(session)


class _Teller:
    """The run's own text goes to stdout as it comes. What runs inside it say goes to stderr, line by line, each with
    who says it: several may speak at once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._middle = False
        self._answered = False
        self._lines: dict[str, tuple[str, str]] = {}  # by frame: who speaks there, and the beginning of a line

    def __call__(self, event: StreamEvent) -> None:
        if isinstance(event, ContentDelta):
            self._text(event)
            return
        if self._middle and not event.is_nested:
            write("\n")
            self._middle = False
        self._end_lines(event)
        if isinstance(event, StepStarted) and not event.is_nested:
            self._answered = False
        if not isinstance(event, RunCompleted):
            say(self._session, _line(event))
        elif not self._answered:  # a workflow says nothing; its output is that of its last step
            text_block(event.output)

    def _text(self, event: ContentDelta) -> None:
        if not event.is_nested:
            write(visible_block(event.text))
            self._middle = self._answered = True
            return
        who, begun = way(event.path), self._lines.pop(event.frame, ("", ""))[1]
        *whole, rest = (begun + event.text).split("\n")
        for line in whole:
            say(self._session, f"· {who}: {line}")
        if len(rest) >= LINE_CHARS:
            say(self._session, f"· {who}: {rest}")
        elif rest:
            self._lines[event.frame] = (who, rest)

    def _end_lines(self, event: StreamEvent) -> None:
        """Say what waits for the end of its line, of whoever does something else now, or has ended."""
        call_id = getattr(event, "call_id", "")
        for frame in list(self._lines):
            over = call_id and call_of(frame) == call_id
            if frame == event.frame or over or isinstance(event, RunPaused | RunCompleted | RunFailed | RunCancelled):
                who, line = self._lines.pop(frame)
                say(self._session, f"· {who}: {line}")


def _own(event: StreamEvent) -> dict[str, Any]:
    """The fields that an event has beside its run."""
    return {name: getattr(event, name) for name in event.__struct_fields__ if name != "run"}


def _event(event: StreamEvent) -> dict[str, Any]:
    values = _own(event)
    if isinstance(event, RequirementResolved):
        values = {
            "path": event.path,
            "frame": event.frame,
            "requirement": event.requirement.requirement_id,
            "state": event.requirement.state,
        }
    waiting = [one.id for one in event.active_requirements]
    return {
        "event": event.event,
        "run": event.run_id,
        "is_paused": event.is_paused,
        "open": waiting,
        "seq": event.seq,
        **values,
    }


def _line(event: StreamEvent) -> str:
    values = _event(event)
    for known in ("event", "run", "is_paused", "open", "seq", "path", "frame"):
        del values[known]
    told = " ".join(f"{name}={_cut(value)}" for name, value in values.items() if value not in ("", None))
    where = f"{way(event.path)}: " if len(event.path) > 1 else ""
    return f"· {where}{event.event} {told}".rstrip()


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    left_out = len(text) - VALUE_CHARS
    return text if left_out <= 0 else f"{text[:VALUE_CHARS]}… (+{left_out} characters)"
