"""Exporters of the SDK that hang or fail: called once at a time, their reason told, and no secret of an address."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters import telemetry as adapter
from hitl_fsm.audit.export.lines import read_all
from hitl_fsm.audit.export.span import Span
from hitl_fsm.audit.export.spans import spans
from hitl_fsm.errors import SettingsError
from hitl_fsm.otel import OpenTelemetry
from house import House, call, calls
from moments import HUNG_S
from receiver import wait_for

SECRET = "hunter2"


@pytest.fixture
def some(house: House) -> Sequence[Span]:
    """Spans of a run that waits."""
    engine = house.engine()
    house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    return list(spans(read_all(engine.audit.records())))


class Hanging:
    """An exporter as the SDK has them; it is not made to be called twice at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0

    def export(self, given: Sequence[Any]) -> Any:
        from opentelemetry.sdk.trace.export import SpanExportResult

        assert given
        self.begun += 1
        self.go_on.wait(HUNG_S)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


def test_an_exporter_that_hangs_is_not_called_again_beside_it(some: Sequence[Span]) -> None:
    """Each try was a thread more, in one exporter at once."""
    exporter = Hanging()
    telemetry = OpenTelemetry(exporter=exporter)  # type: ignore[arg-type]

    async def given_up() -> None:
        sending = asyncio.ensure_future(telemetry.send(some))
        await asyncio.to_thread(wait_for, lambda: exporter.begun == 1)
        sending.cancel()
        await sending

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(given_up())
    for _ in range(3):
        with pytest.raises(ConnectionError, match="still at those"):
            asyncio.run(telemetry.send(some))
    assert exporter.begun == 1
    exporter.go_on.set()
    assert telemetry._exporting is not None
    telemetry._exporting.result(HUNG_S)
    asyncio.run(telemetry.send(some))
    assert exporter.begun == 2


def test_an_exporter_that_has_answered_is_called_again_at_once(
    some: Sequence[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread was still about to end, on a busy machine, and the next spans waited for a second try."""
    over = threading.Event()

    class Lingering(Future[None]):
        def set_result(self, result: None) -> None:
            super().set_result(result)
            over.wait(HUNG_S)

    monkeypatch.setattr(adapter, "Future", Lingering)
    exporter = Hanging()
    exporter.go_on.set()
    telemetry = OpenTelemetry(exporter=exporter)  # type: ignore[arg-type]
    for _ in range(2):
        asyncio.run(telemetry.send(some))
    over.set()
    assert exporter.begun == 2


PROGRAM = """
from hitl_fsm import Agent, Engine
from hitl_fsm.testing import ScriptedModel

engine = Engine(None, "sqlite:///runs.db", default="confirm")
print(Agent("clerk", ScriptedModel([{"say": "end"}]), engine=engine).run("go").state.value)
engine.close()
"""


def test_why_a_collector_was_not_told_is_in_the_log_without_its_secret(tmp_path: Path) -> None:
    """The SDK wrote the whole address to stderr, between the JSON lines of the log, which did not have the reason."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={
            **os.environ,
            "HITL_FSM_LOG": "warning",
            "HITL_FSM_TELEMETRY": f"http://bot:{SECRET}@127.0.0.1:9/v1/traces?token={SECRET}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        check=True,
        capture_output=True,
        timeout=60,
        text=True,
    )
    (told,) = (json.loads(line) for line in done.stderr.splitlines())
    assert (done.stdout, told["event"]) == ("done\n", "spans_not_sent")
    assert "Connection refused" in told["error"]
    assert SECRET not in done.stderr


@pytest.mark.parametrize("place", [f"grpc://bot:{SECRET}@host:4317", f"host:4318?token={SECRET}", f"http://[{SECRET}"])
def test_what_is_no_address_is_refused_without_being_shown(place: str) -> None:
    with pytest.raises(SettingsError, match="no address") as caught:
        OpenTelemetry(place)
    assert SECRET not in str(caught.value)
