"""Traces of the runs for OpenTelemetry: `Engine(telemetry=OpenTelemetry("http://localhost:4318"))`, or the setting
`telemetry`.

What it needs (`pip install 'hitl-fsm[otel]'`) is imported when the first spans are sent, not here.
"""

from hitl_fsm.adapters.telemetry import OpenTelemetry

__all__ = ["OpenTelemetry"]
