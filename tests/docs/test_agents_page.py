"""The how-to page on an agent's surroundings: its blocks are one program, and what it says of it is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.core.replay import replay
from hitl_fsm.testing import ScriptedModel

PAGE = Path(__file__).parents[2] / "docs/how-to/agents.md"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    names["printed"] = capsys.readouterr().out.splitlines()
    return names


def messages(engine: Engine, run_id: str, role: str) -> list[str]:
    return [m.content for m in replay(engine.runs.events(run_id))[1] if m.role == role]


def test_the_program_prints_what_its_comments_say(page: dict[str, Any]) -> None:
    expected = re.findall(r"^print\(.*\)  # (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert page["printed"] == expected
    assert len(expected) == 2


def test_the_tools_the_hooks_and_the_context_do_what_the_page_says(page: dict[str, Any]) -> None:
    engine, run = page["engine"], page["run"]
    assert [one.name for one in page["shop"].tools()] == ["shop_find_order", "shop_refund"]
    found, refunded = messages(engine, run.run_id, "tool")
    assert found == '{"order":"o1","branch":"Leeds","card":"…"}'
    assert refunded == "refunded 20.0 for o1, as Ada asked"
    assert "Invalid JSON" in messages(engine, run.run_id, "user")[1]


def test_the_hook_and_the_guards_refuse_what_the_page_says(page: dict[str, Any]) -> None:
    engine = page["engine"]

    def ended(prompt: str, *replies: Any) -> Any:
        model = ScriptedModel(list(replies))
        options = {"tools": [page["shop"]], "hooks": page["hooks"], "guards": page["guards"]}
        agent = Agent("other", model, engine=engine, **options)
        run = agent.run(prompt, context={"customer": "Ada"})
        while run.is_paused:
            run.active_requirements[0].confirm()
            run = agent.continue_run(run)
        return run

    large = {"calls": [{"tool": "shop_refund", "args": {"order_id": "o1", "amount": 501}}]}
    (told,) = messages(engine, ended("go", large, {"say": "no"}).run_id, "tool")
    assert "PermissionError: more than 500 is paid by the branch itself" in told
    assert "It was not executed" in told
    assert ended("my password is x").error == "The input guard no_passwords refused: it has a password in it"
    refused = ended("go", {"say": "we guarantee it"})
    assert (refused.state, refused.output) == ("failed", None)
    assert refused.error == "The output guard no_promises refused: we guarantee nothing"
