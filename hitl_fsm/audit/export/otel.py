"""The record as OpenTelemetry traces: OTLP/JSON, one `ExportTraceServiceRequest` a line.

Each line is what `POST /v1/traces` of a collector takes, and what its file exporter writes. Ids are hex and times are
text, as the OTLP specification wants them in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.span import SCHEMA_URL, Attributes, Span, SpanEvent, Value
from hitl_fsm.audit.export.spans import spans

SPANS_A_REQUEST: Final = 512
"""As many as OpenTelemetry's own batches have at most."""

_KINDS = {"internal": 1, "client": 3}
_STATUS = {"unset": 0, "ok": 1, "error": 2}
_encode = msgspec.json.Encoder().encode


def otel(entries: Iterable[Entry], *, version: str, service: str = "hitl-fsm") -> Iterator[str]:
    """Lines of JSON. A span that goes on at the end has no end time: one that goes on is sent when it ends."""
    batch: list[Span] = []
    for span in spans(entries):
        batch.append(span)
        if len(batch) == SPANS_A_REQUEST:
            yield _line(batch, version, service)
            batch = []
    if batch:
        yield _line(batch, version, service)


def request(batch: Iterable[Span], *, version: str, service: str) -> dict[str, Any]:
    """The spans as one `ExportTraceServiceRequest`."""
    scope = {"name": "hitl_fsm", "version": version}
    resource = {"attributes": _attributes({"service.name": service, "telemetry.sdk.name": "hitl-fsm"})}
    found = [as_json(span) for span in batch]
    scoped = {"scope": scope, "spans": found, "schemaUrl": SCHEMA_URL}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped], "schemaUrl": SCHEMA_URL}]}


def as_json(span: Span) -> dict[str, Any]:
    """One span, as OTLP/JSON has it."""
    told: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id:
        told["parentSpanId"] = span.parent_id
    told |= {"name": span.name, "kind": _KINDS[span.kind], "startTimeUnixNano": str(span.began_ns)}
    if span.ended_ns is not None:
        told["endTimeUnixNano"] = str(span.ended_ns)
    told["attributes"] = _attributes(span.attributes)
    if span.events:
        told["events"] = [_event(event) for event in span.events]
    if span.events_dropped:
        told["droppedEventsCount"] = span.events_dropped
    if span.links:
        told["links"] = [{"traceId": span.trace_id, "spanId": linked} for linked in span.links]
    status = {"code": _STATUS[span.status], **({"message": span.message} if span.message else {})}
    return {**told, "status": status}


def _line(batch: Iterable[Span], version: str, service: str) -> str:
    return _encode(request(batch, version=version, service=service)).decode() + "\n"


def _event(event: SpanEvent) -> dict[str, Any]:
    return {"timeUnixNano": str(event.at_ns), "name": event.name, "attributes": _attributes(event.attributes)}


def _attributes(found: Attributes) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in found.items()]


def _value(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case str():
            return {"stringValue": value}
        case tuple():
            return {"arrayValue": {"values": [{"stringValue": one} for one in value]}}
