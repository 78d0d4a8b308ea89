"""The record as traces: pure, one line at a time, so that an export and a live exporter tell the same.

A run is a trace. Its id and those of its spans are digests of the run's, the call's and the question's own ids: who
sends a span twice sends the same one. Names of attributes are those of OpenTelemetry's conventions for generative AI
(semantic conventions 1.44); what these have no word for is under `hitl.`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.span import (
    Attributes,
    Span,
    SpanEvent,
    Status,
    provider_of,
    run_span,
    span_id,
    trace_id,
)
from hitl_fsm.model.paths import call_of, frame_of

MAX_EVENTS: Final = 128
"""Events that one span keeps, as OpenTelemetry's own limit has it; more are counted."""
MAX_LINKS: Final = 128
"""The same for links."""

_NS = 1_000_000

_WAIT_ENDS = {
    "requirement_resolved": "ok",
    "requirement_rejected": "ok",
    "requirement_expired": "error",
    "requirement_cancelled": "unset",
    "requirement_superseded": "unset",
}
_TOOL_ENDS = {
    "call_succeeded": "ok",
    "call_held": "ok",
    "call_withheld": "ok",
    "call_failed": "error",
    "call_lost": "error",
    "call_asked": "unset",
    "call_not_begun": "unset",
}
_RUN_ENDS = {"run_done": "ok", "run_failed": "error", "run_cancelled": "unset"}


def spans(entries: Iterable[Entry]) -> Iterator[Span]:
    """Every span that ends within these lines, when it does; at the end those that go on, with no end."""
    tracing = Tracing()
    for entry in entries:
        yield from tracing.take(entry)
    yield from tracing.open()


class _Open:
    """A span that goes on."""

    __slots__ = ("attributes", "dropped", "events", "links", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.attributes: Attributes = dict(span.attributes)
        self.events: list[SpanEvent] = []
        self.dropped = 0
        self.links: tuple[str, ...] = span.links[-MAX_LINKS:]

    def event(self, name: str, at: int, attributes: Attributes) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append(SpanEvent(name, at * _NS, attributes))
        else:
            self.dropped += 1

    def told(self, ended: int | None = None, status: Status = "unset", message: str = "") -> Span:
        """The span as it stands, or as it ended (ms)."""
        return msgspec.structs.replace(
            self.span,
            ended_ns=None if ended is None else ended * _NS,
            attributes=self.attributes,
            events=tuple(self.events),
            events_dropped=self.dropped,
            links=self.links,
            status=status,
            message=message,
        )


class _Run:
    """What is known of a run that goes on."""

    __slots__ = ("beginning", "calls", "ended", "moved", "passed", "root", "trace", "waits")

    def __init__(self, entry: Entry) -> None:
        self.trace = trace_id(entry.run)
        self.beginning = 1
        self.moved = entry.at
        self.calls: dict[str, _Open] = {}
        self.waits: dict[str, _Open] = {}
        self.passed: dict[str, tuple[str, ...]] = {}
        self.ended = False
        self.root = self.begin(entry, _of_run(entry))

    def begin(self, entry: Entry, attributes: Attributes) -> _Open:
        """The run's own span, from this line on."""
        agent = str(attributes.get("gen_ai.workflow.name") or attributes.get("gen_ai.agent.name") or "")
        name = f"{attributes['gen_ai.operation.name']} {agent}".rstrip()
        own = run_span(entry.run, self.beginning)
        self.root = _Open(Span(self.trace, own, "", name, "internal", entry.at * _NS, attributes=attributes))
        return self.root

    def again(self, entry: Entry) -> None:
        """It failed, and somebody had it go on."""
        self.beginning += 1
        self.ended = False
        before = self.root.span.span_id
        self.begin(entry, {**self.root.span.attributes, "hitl.run.beginning": self.beginning}).links = (before,)

    def above(self, call: str) -> _Open:
        """The span in which a call stands: that of the call whose frame it is one of, or the run's."""
        return self.calls.get(call_of(frame_of(call)), self.root) if frame_of(call) else self.root


class Tracing:
    """Takes lines in their order. It keeps what of the runs goes on, and nothing of those that ended."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._failed: dict[str, _Run] = {}

    def take(self, entry: Entry) -> list[Span]:
        """The spans that end with this line. A line of no run, or of one whose beginning was not taken, has none."""
        if not entry.run:
            return []
        if entry.event == "run_created":
            self._runs[entry.run] = _Run(entry)
            return []
        run = self._runs.get(entry.run) or self._revived(entry)
        if run is None:
            return []
        done = _take(run, entry)
        run.moved = entry.at
        if run.ended:
            self._keep(entry, self._runs.pop(entry.run))
        return done

    def open(self) -> Iterator[Span]:
        """Those that go on, outermost first."""
        for run in self._runs.values():
            yield from (one.told() for one in (run.root, *run.calls.values(), *run.waits.values()))

    def _keep(self, entry: Entry, run: _Run) -> None:
        """One that failed may go on later; the last so many of them are known then."""
        if entry.event == "run_failed":
            self._failed[entry.run] = run
            if len(self._failed) > MAX_FAILED:
                del self._failed[next(iter(self._failed))]

    def _revived(self, entry: Entry) -> _Run | None:
        """One that failed and goes on; whoever cancels it instead ends what has ended."""
        if entry.event != "run_continuing" or entry.run not in self._failed:
            return None
        run = self._failed.pop(entry.run)
        run.again(entry)
        self._runs[entry.run] = run
        return run


MAX_FAILED: Final = 1_000
"""Runs that failed and of which it is remembered how they began, should somebody have them go on."""


def _take(run: _Run, entry: Entry) -> list[Span]:
    event, call, requirement = entry.event, entry.text("call"), entry.text("requirement")
    if event in _RUN_ENDS:
        return _ended(run, entry)
    if event == "model_replied":
        return [_chat(run, entry)]
    if event == "call_started":
        return _started(run, entry, call)
    if event in _TOOL_ENDS and call in run.calls:
        return [_returned(run, entry, call)]
    if event in _WAIT_ENDS and requirement in run.waits:
        return [_closed(run, entry, call)]
    if event == "requirement_opened":
        _opened(run, entry)
    else:
        where = run.waits.get(requirement) or run.calls.get(call) or run.above(call)
        where.event(f"hitl.{event}", entry.at, _told(entry))
    return []


def _of_run(entry: Entry) -> Attributes:
    kind, name, model = entry.text("kind"), entry.text("name"), entry.text("model")
    workflow = kind == "workflow"
    attributes: Attributes = {"gen_ai.operation.name": "invoke_workflow" if workflow else "invoke_agent"}
    attributes["gen_ai.workflow.name" if workflow else "gen_ai.agent.name"] = name
    attributes |= {"hitl.run.id": entry.run, "hitl.run.kind": kind, "hitl.policy.digest": entry.text("policies")}
    if model:
        attributes |= {"gen_ai.request.model": model, "gen_ai.provider.name": provider_of(model)}
    return attributes


def _chat(run: _Run, entry: Entry) -> Span:
    """A model's turn. The record has when it ended; it began when the run had moved last, unless a line says better."""
    model = entry.text("model")
    took = entry.number("took_ms")
    began = run.moved if took is None else entry.at - took
    tokens = entry.data.get("tokens")
    attributes: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": entry.text("provider") or provider_of(model),
        "gen_ai.request.model": model,
        "gen_ai.response.model": entry.text("response_model") or model,
    }
    if isinstance(tokens, list) and len(tokens) == len(_USAGE):
        attributes |= {name: int(count) for name, count in zip(_USAGE, tokens, strict=True) if isinstance(count, int)}
    for name in ("turn", "micro_dollars"):
        number = entry.number(name)
        if number is not None:
            attributes[f"hitl.{name}"] = number
    if entry.text("request"):
        attributes["hitl.request.digest"] = entry.text("request")
    frame, turn = entry.text("frame"), str(entry.number("turn") or 0)
    parent = run.calls.get(call_of(frame), run.root) if frame else run.root
    return Span(
        run.trace,
        span_id("chat", entry.run, frame, turn, str(entry.seq)),
        parent.span.span_id,
        f"chat {model}".rstrip(),
        "client",
        min(began, entry.at) * _NS,
        entry.at * _NS,
        attributes,
        status="ok",
    )


_USAGE = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")


def _started(run: _Run, entry: Entry, call: str) -> list[Span]:
    """A tool begins; where it had begun before without an end (it was tried again), that span ends here."""
    before = run.calls.pop(call, None)
    attempt = entry.number("attempt") or 1
    attributes: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": entry.text("tool"),
        "gen_ai.tool.call.id": call,
        "gen_ai.tool.type": "function",
        "hitl.action.digest": entry.text("digest"),
        "hitl.attempt": attempt,
    }
    own = span_id("tool", entry.run, call, str(attempt))
    above = run.above(call).span.span_id
    begun = entry.at * _NS
    run.calls[call] = _Open(
        Span(
            run.trace,
            own,
            above,
            f"execute_tool {entry.text('tool')}",
            "internal",
            begun,
            attributes=attributes,
            links=run.passed.pop(call, ()),
        )
    )
    return [] if before is None else [before.told(entry.at, "error", "tried again")]


def _returned(run: _Run, entry: Entry, call: str) -> Span:
    open_span = run.calls.pop(call)
    status = _TOOL_ENDS[entry.event]
    if status == "error":
        open_span.attributes["error.type"] = "outcome_unknown" if entry.event == "call_lost" else "tool_error"
    open_span.attributes["hitl.outcome"] = entry.event.removeprefix("call_")
    return open_span.told(entry.at, status, "")  # type: ignore[arg-type]  # the table has statuses


def _opened(run: _Run, entry: Entry) -> None:
    call, requirement = entry.text("call"), entry.text("requirement")
    attributes: Attributes = {
        "hitl.requirement.id": requirement,
        "hitl.requirement.kind": entry.text("kind"),
        "hitl.action.digest": entry.text("digest"),
        "hitl.stage": entry.number("stage") or 1,
        "gen_ai.tool.name": entry.text("tool"),
        "gen_ai.tool.call.id": call,
    }
    own = span_id("wait", entry.run, requirement)
    above = run.above(call).span.span_id
    name = f"hitl.wait {entry.text('kind')}".rstrip()
    run.waits[requirement] = _Open(Span(run.trace, own, above, name, "internal", entry.at * _NS, attributes=attributes))


def _closed(run: _Run, entry: Entry, call: str) -> Span:
    """How it ended, by how many people, and how long they took."""
    open_span = run.waits.pop(entry.text("requirement"))
    state = entry.event.removeprefix("requirement_")
    told = open_span.attributes
    told["hitl.requirement.state"] = state
    waited = entry.number("waited_ms")
    if waited is not None:
        told["hitl.waited_ms"] = waited
    if entry.text("answer"):
        told["hitl.answer"] = entry.text("answer")
        told["hitl.approver.count"] = _approvers(entry)
    if state == "expired":
        told["error.type"] = "expired"
    if state == "resolved":
        run.passed[call] = (*run.passed.get(call, ()), open_span.span.span_id)[-MAX_LINKS:]
    return open_span.told(entry.at, _WAIT_ENDS[entry.event])  # type: ignore[arg-type]  # the table has statuses


def _approvers(entry: Entry) -> int:
    """How many different people stand behind the answer: those whose votes were the same, or who gave it."""
    votes = entry.data.get("votes")
    same = [vote for vote in votes if isinstance(vote, dict)] if isinstance(votes, list) else []
    people = {str(vote.get("voter", "")) for vote in same if vote.get("answer") == entry.text("answer")}
    return len(people | {entry.actor})


def _ended(run: _Run, entry: Entry) -> list[Span]:
    """The run's span, and before it those of what had not ended."""
    run.ended = True
    for wait in run.waits.values():
        wait.attributes["hitl.requirement.state"] = "cancelled"
    left = [one.told(entry.at, "unset", "the run ended first") for one in (*run.calls.values(), *run.waits.values())]
    run.calls.clear()
    run.waits.clear()
    run.root.attributes["hitl.run.state"] = entry.event.removeprefix("run_")
    if entry.event == "run_failed":
        run.root.attributes["error.type"] = "run_failed"
    return [*left, run.root.told(entry.at, _RUN_ENDS[entry.event])]  # type: ignore[arg-type]  # the table has statuses


def _told(entry: Entry) -> Attributes:
    """What a moment says of itself: ids and words, never people's data."""
    told: Attributes = {"hitl.seq": entry.seq, "hitl.actor.kind": str(entry.by.get("kind", "human"))}
    for name in ("requirement", "call", "tool", "answer", "outcome", "trigger", "grant", "digest"):
        if entry.text(name):
            told[f"hitl.{name}"] = entry.text(name)
    reasons = entry.data.get("reasons")
    if isinstance(reasons, list):
        found = (f"{one.get('policy', '')}/{one.get('rule', '')}" for one in reasons if isinstance(one, dict))
        told["hitl.rules"] = tuple(found)
    return told
