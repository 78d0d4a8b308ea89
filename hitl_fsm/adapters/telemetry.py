"""Spans of the record as OpenTelemetry's SDK has them, and exporting them: the one place that imports it."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hitl_fsm.audit.export.span import SCHEMA_URL, Span
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.visible import visible

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext


SAID_CHARS = 500
"""Of what an exporter says of its failure."""

_EXPORTERS = "opentelemetry.exporter"


class OpenTelemetry:
    """Spans of what the record says, sent when they end, by whichever process finds the end.

    `endpoint`: of a collector that speaks OTLP over HTTP; without it, and without an `exporter` of your own, the SDK's
    variables decide (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, …). `service` is the `service.name`;
    without it that of `OTEL_SERVICE_NAME`. `name` tells receivers apart in the store.
    """

    def __init__(
        self, endpoint: str = "", *, exporter: SpanExporter | None = None, service: str = "", name: str = "otel"
    ) -> None:
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
            raise _missing()
        if endpoint:
            checked_place(endpoint)
        self.name = name
        self._endpoint = endpoint
        self._given = exporter
        self._service = service
        self._exporting: Future[None] | None = None

    @cached_property
    def _exporter(self) -> SpanExporter:
        return otlp_exporter(self._endpoint) if self._given is None else self._given

    @cached_property
    def _resource(self) -> Resource:
        return resource_of(self._service)

    async def send(self, spans: Sequence[Span]) -> None:
        """See `ports_out.Telemetry`."""
        if self._exporting is not None and not self._exporting.done():  # an exporter is never called twice at once
            msg = "the exporter is still at those that it was given before"
            raise ConnectionError(msg)
        done: Future[None] = Future()
        self._exporting = done
        # One of its own: the standard pool's threads are waited for when the process ends.
        threading.Thread(target=self._export, args=(spans, done), name="hitl-fsm-telemetry", daemon=True).start()
        await asyncio.wrap_future(done)

    def _export(self, spans: Sequence[Span], done: Future[None]) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            export(self._exporter, spans, self._resource)
        except Exception as error:  # noqa: BLE001 - handed to who waits for it
            done.set_exception(error)
        else:
            done.set_result(None)


def _missing() -> SettingsError:
    return SettingsError("telemetry needs the packages of OpenTelemetry", help="pip install 'hitl-fsm[otel]'")


def otlp_exporter(endpoint: str) -> SpanExporter:
    """OTLP over HTTP; with "" where the SDK's own variables lead (`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`)."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _missing() from error
    _words.listen()
    return OTLPSpanExporter(endpoint=checked_place(endpoint)) if endpoint else OTLPSpanExporter()


def checked_place(endpoint: str) -> str:
    """Where traces go: `/v1/traces` below the collector's address, unless a path is given. SettingsError for no URL."""
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = "what is given for telemetry is no address of a collector"  # and is not shown: it may have a secret
        raise SettingsError(msg, help="write it as http://localhost:4318 or https://collector.example.com")
    return endpoint.rstrip("/") + "/v1/traces" if parts.path in {"", "/"} else endpoint


def resource_of(service: str) -> Resource:
    """Who sends it; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say more."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above

    return Resource.create({"service.name": service} if service else {})


def export(exporter: SpanExporter, spans: Sequence[Span], resource: Resource) -> None:
    """Blocks. Raises whatever the exporter raises, and ConnectionError for spans that it did not take."""
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 - as above

    _words.forget()
    if exporter.export([_readable(span, resource) for span in spans]) is not SpanExportResult.SUCCESS:
        why = _words.said
        msg = f"the exporter did not take them: {why}" if why else "the exporter did not take them"
        raise ConnectionError(msg)


class _Words(logging.Handler):
    """What the SDK said first on the thread that called its exporter; without this all is on stderr, as it comes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()

    def listen(self) -> None:
        logging.getLogger(_EXPORTERS).addHandler(self)

    def forget(self) -> None:
        self._here.said = ""

    @property
    def said(self) -> str:
        return getattr(self._here, "said", "")

    def emit(self, record: logging.LogRecord) -> None:
        text = re.sub(r"\?[^\s'\")]*", "", record.getMessage())  # the query of an address may be a secret
        self._here.said = self.said or visible(text[:SAID_CHARS])


_words = _Words()


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import Event, ReadableSpan  # noqa: PLC0415 - as above
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - as above
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode  # noqa: PLC0415 - as above

    codes = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}
    message = span.message if span.message and span.status == "error" else None
    return ReadableSpan(
        span.name,
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes,
        events=[Event(one.name, one.attributes, one.at_ns) for one in span.events],
        links=[Link(_context(span.trace_id, one)) for one in span.links],
        kind=SpanKind.CLIENT if span.kind == "client" else SpanKind.INTERNAL,
        instrumentation_scope=InstrumentationScope("hitl_fsm", version("hitl-fsm"), SCHEMA_URL),
        status=Status(codes[span.status], message),
        start_time=span.began_ns,
        end_time=span.ended_ns,
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - as above

    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
