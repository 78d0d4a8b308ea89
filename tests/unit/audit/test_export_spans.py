"""Lines become spans: the same whoever makes them, nested as the run was, in the words of OpenTelemetry."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

from claims import Desk
from hitl_fsm.audit.export.lines import Entry, read_all
from hitl_fsm.audit.export.otel import otel
from hitl_fsm.audit.export.span import Span, provider_of, span_id, trace_id
from hitl_fsm.audit.export.spans import MAX_EVENTS, Tracing, spans

RUN = "run_1"


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    desk = Desk(Path(tmp_path_factory.mktemp("desk")))
    desk.history()
    return list(read_all(desk.engine().audit.records()))


def line(event: str, at: int, run: str = RUN, by: str = "alice", **data: Any) -> Entry:
    return Entry(at, "0" * 64, event, at, {"id": by}, run, data=data)


def created(at: int = 1, run: str = RUN, kind: str = "agent") -> Entry:
    return line("run_created", at, run, kind=kind, name="clerk", model="openai/gpt-5", policies="p")


def by_name(found: list[Span], name: str) -> list[Span]:
    return [span for span in found if span.name == name]


def test_a_history_is_one_trace_with_the_run_at_its_root(entries: list[Entry]) -> None:
    found = list(spans(entries))
    run = next(entry.run for entry in entries if entry.run)
    assert {span.trace_id for span in found} == {trace_id(run)}
    (root,) = [span for span in found if not span.parent_id]
    assert (root.name, root.status, root.attributes["hitl.run.state"]) == ("invoke_agent claims", "ok", "done")
    assert root is found[-1]
    assert len({span.span_id for span in found}) == len(found)
    ids = {span.span_id for span in found}
    assert all(span.parent_id in ids for span in found if span is not root)
    assert all(span.ended_ns is not None and span.began_ns <= span.ended_ns for span in found)
    assert len(by_name(found, "chat scripted")) == 8


def test_what_let_a_tool_begin_is_linked_to_it(entries: list[Entry]) -> None:
    found = list(spans(entries))
    waits = {span.span_id: span for span in by_name(found, "hitl.wait approval")}
    paid = by_name(found, "execute_tool pay_claim")
    answers = [[waits[one].attributes["hitl.answer"] for one in span.links] for span in paid]
    assert answers == [["approve"], ["break_glass"]]
    two = waits[paid[0].links[0]]
    assert (two.attributes["hitl.approver.count"], two.attributes["hitl.waited_ms"]) == (2, 180_000)
    assert two.ended_ns is not None
    assert two.ended_ns - two.began_ns == 180_000 * 1_000_000


def test_a_lost_outcome_and_a_no_are_told_as_such(entries: list[Entry]) -> None:
    found = list(spans(entries))
    (lost,) = by_name(found, "execute_tool tell_authority")
    assert (lost.status, lost.attributes["error.type"]) == ("error", "outcome_unknown")
    states = [span.attributes.get("hitl.requirement.state") for span in by_name(found, "hitl.wait approval")]
    assert sorted(map(str, states)) == ["rejected", "resolved", "resolved", "resolved", "superseded"]


def test_nobodys_words_and_names_are_in_a_trace(entries: list[Entry]) -> None:
    told = "".join(otel(entries, version="1"))
    for word in ("Rosa", "maria", "María", "frank", "water", "pin-of-rosa", "receipt"):
        assert word not in told


def test_the_names_are_those_of_the_conventions(entries: list[Entry]) -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    used = {name for span in spans(entries) for name in span.attributes}
    assert {name for name in used if not name.startswith("hitl.")} <= known | {"error.type"}
    operations = {one.value for one in gen_ai_attributes.GenAiOperationNameValues}
    assert {span.attributes.get("gen_ai.operation.name", "chat") for span in spans(entries)} <= operations
    providers = {one.value for one in gen_ai_attributes.GenAiProviderNameValues}
    assert {
        provider_of(f"{name}/x") for name in ("openai", "azure", "bedrock", "gemini", "mistral", "xai")
    } <= providers
    assert provider_of("ollama_chat/x") == "ollama_chat"


def test_it_parses_as_the_protocol_has_it(entries: list[Entry]) -> None:
    total = 0
    for text in otel(entries, version="1"):
        parsed = json_format.Parse(json.dumps(with_bytes(json.loads(text))), ExportTraceServiceRequest())
        for span in parsed.resource_spans[0].scope_spans[0].spans:
            assert (len(span.trace_id), len(span.span_id)) == (16, 8)
            assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
            total += 1
    assert total == len(list(spans(entries)))


def with_bytes(value: Any) -> Any:
    """OTLP writes ids in hex where protobuf's own JSON has base64; all else is the same."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(part)).decode()
            if key in {"traceId", "spanId", "parentSpanId"}
            else with_bytes(part)
            for key, part in value.items()
        }
    return [with_bytes(part) for part in value] if isinstance(value, list) else value


def test_ids_are_the_same_each_time_and_differ_for_what_differs(entries: list[Entry]) -> None:
    assert list(spans(entries)) == list(spans(entries))
    assert trace_id("run_1") != trace_id("run_2")
    assert span_id("tool", "a", "b") != span_id("tool", "ab", "")
    assert span_id("tool", "a", "b") != span_id("wait", "a", "b")


def test_a_call_of_a_member_stands_below_the_call_that_is_carried_out_by_it() -> None:
    lines = [
        created(),
        line("call_started", 2, call="1.0", tool="member", attempt=1),
        line("model_replied", 3, frame="1.0", turn=1, model="openai/gpt-5", tokens=[3, 4]),
        line("call_started", 4, call="1.0/1.0", tool="pay", attempt=1),
        line("requirement_opened", 5, requirement="req_1", kind="outcome", call="1.0/1.0", tool="pay"),
        line("call_succeeded", 6, call="1.0/1.0"),
        line("call_succeeded", 7, call="1.0"),
    ]
    found = {span.name: span for span in spans(lines)}
    member = found["execute_tool member"]
    assert member.parent_id == found["invoke_agent clerk"].span_id
    below = ("chat openai/gpt-5", "execute_tool pay")
    assert [found[name].parent_id for name in below] == [member.span_id] * 2
    chat = found["chat openai/gpt-5"]
    assert (chat.began_ns, chat.ended_ns) == (2_000_000, 3_000_000)
    assert (chat.attributes["gen_ai.usage.input_tokens"], chat.attributes["gen_ai.usage.output_tokens"]) == (3, 4)
    assert found["hitl.wait outcome"].ended_ns is None


def test_a_run_that_fails_and_goes_on_has_two_spans_in_one_trace() -> None:
    lines = [created(), line("run_failed", 2), line("run_continuing", 3, trigger="retried"), line("run_done", 4)]
    first, second = spans(lines)
    assert (first.status, second.status) == ("error", "ok")
    assert first.trace_id == second.trace_id
    assert first.span_id != second.span_id
    assert second.links == (first.span_id,)


def test_cancelling_ends_what_was_open() -> None:
    lines = [
        created(),
        line("requirement_opened", 2, requirement="req_1", kind="confirm", call="1.0", tool="pay"),
        line("run_cancelled", 3),
        line("requirement_cancelled", 3, requirement="req_1", call="1.0"),
    ]
    wait, root = spans(lines)
    assert wait.attributes["hitl.requirement.state"] == "cancelled"
    assert (wait.ended_ns, root.ended_ns) == (3_000_000, 3_000_000)


def test_a_span_keeps_so_many_events_and_counts_the_others() -> None:
    lines = [created(), *(line("policy_changed", at) for at in range(2, MAX_EVENTS + 12)), line("run_done", 999)]
    (root,) = spans(lines)
    assert (len(root.events), root.events_dropped) == (MAX_EVENTS, 10)


def test_lines_of_no_run_and_of_runs_whose_beginning_is_missing_have_no_spans() -> None:
    assert list(spans([line("policies_activated", 1, run=""), line("call_started", 2, call="1.0")])) == []


def test_nothing_is_kept_of_runs_that_ended() -> None:
    tracing = Tracing()
    for number in range(3_000):
        run = f"run_{number}"
        for one in (created(1, run), line("call_started", 2, run, call="1.0"), line("run_failed", 3, run)):
            tracing.take(one)
    assert len(tracing._runs) == 0
    assert len(tracing._failed) == 1_000


def test_a_workflow_is_named_as_one() -> None:
    (root,) = spans([created(kind="workflow")])
    assert (root.name, root.attributes["gen_ai.workflow.name"]) == ("invoke_workflow clerk", "clerk")
