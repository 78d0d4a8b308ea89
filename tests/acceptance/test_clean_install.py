"""What `pip install .` alone brings is enough for a call with tools: LiteLLM versions exist for which it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wire.base import Asks, Says
from wire.openai_wire import OpenAIWire

CHECKOUT = Path(__file__).parents[2]
INSTALL_TIMEOUT_S = 900
CALL_TIMEOUT_S = 120

SCRIPT = """
import asyncio, sys
import hitl_fsm
from hitl_fsm.adapters.models import model_source
from hitl_fsm.model.message import ChatRequest, Message, ToolSpec

assert "site-packages" in hitl_fsm.__file__, hitl_fsm.__file__
order = {"type": "object", "properties": {"order_id": {"type": "string"}}}
refund = ToolSpec("payments.refund", "Pay money back.", order)
model = model_source("openai/gpt-test", {"api_base": sys.argv[1], "api_key": "test-key"})
request = ChatRequest("openai/gpt-test", (Message("user", "Refund order 42"),), (refund,))
for on_text in (None, lambda piece: None):
    (call,) = asyncio.run(model.reply(request, on_text)).calls
    print(call.tool, call.arguments)
"""


@pytest.mark.slow
def test_a_call_with_tools_works_with_what_a_plain_install_brings(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", CHECKOUT],
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_TIMEOUT_S,
        cwd=tmp_path,
    )
    assert installed.returncode == 0, installed.stderr[-2000:]
    asks = Says("", (Asks("payments_refund", {"order_id": "42"}, id="call_1"),))
    with OpenAIWire([asks, asks]) as wire:
        called = subprocess.run(
            [python, "-c", SCRIPT, wire.api_base],
            capture_output=True,
            text=True,
            check=False,
            timeout=CALL_TIMEOUT_S,
            cwd=tmp_path,
        )
    assert called.stdout == 'payments.refund {"order_id": "42"}\n' * 2, called.stderr[-2000:]
    assert not wire.problems
