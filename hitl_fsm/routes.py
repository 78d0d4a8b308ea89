"""What carries external calls out: `Engine(routes={"bank": Webhook(…), "ledger": Command([…]), "crm": MCP(…)})`."""

from __future__ import annotations

from hitl_fsm.adapters.routes.command import Command
from hitl_fsm.adapters.routes.manual import Manual
from hitl_fsm.adapters.routes.mcp import MCP
from hitl_fsm.adapters.routes.webhook import Webhook
from hitl_fsm.model.dispatch import Callback, Failed, Handover, NotBegun, Outcome, Refused, Returned, Taken, Unknown
from hitl_fsm.ports_out import CallsBack, Route
from hitl_fsm.runtime.outgoing.routes import Handed

__all__ = [
    "MCP",
    "Callback",
    "CallsBack",
    "Command",
    "Failed",
    "Handed",
    "Handover",
    "Manual",
    "NotBegun",
    "Outcome",
    "Refused",
    "Returned",
    "Route",
    "Taken",
    "Unknown",
    "Webhook",
]
