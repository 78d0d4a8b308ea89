"""The examples do what they say: every pause, every answer, the final words. Offline, each on a store of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hitl_fsm.errors import AlreadyResolved, AnswerRefused, NotAuthorised
from hitl_fsm.model.states import CallState, RunState

ROOT = Path(__file__).parents[2]

Load = Callable[[str], ModuleType]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import an example fresh, with its store in a folder of this test's own."""
    monkeypatch.setenv("HITL_FSM_STORE", f"sqlite:///{tmp_path / 'hitl.db'}")
    loaded: list[ModuleType] = []

    def load(name: str) -> ModuleType:
        sys.modules.pop(f"examples.{name}", None)
        loaded.append(importlib.import_module(f"examples.{name}"))
        return loaded[-1]

    yield load
    for module in loaded:
        module.engine.close()
        sys.modules.pop(module.__name__, None)


def python(store: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A Python process at the root of the repository."""
    environ = {**os.environ, "HITL_FSM_STORE": f"sqlite:///{store}"}
    return subprocess.run(
        [sys.executable, *args], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def test_refund_every_answer_and_the_last_words(example: Load) -> None:
    agent = example("refund").agent

    run = agent.run("Refund order 42", user="alice")
    [asked] = run.active_requirements
    assert (run.state, asked.kind, asked.tool.tool_name) == (RunState.PAUSED, "user_input", "ask_user")
    assert list(asked.schema["properties"]) == ["whole_amount"]
    asked.provide_user_input({"whole_amount": True}, by="alice")

    run = agent.continue_run(run)
    [form] = run.active_requirements
    assert (form.kind, form.tool.tool_name) == ("user_input", "payments.refund")
    assert form.schema["title"] == "Why is this money paid back?"
    with pytest.raises(AnswerRefused, match="reason"):
        form.provide_user_input({"reason": "no idea"}, by="alice")
    form.provide_user_input({"reason": "damaged", "evidence": "photo"}, by="alice")

    [approval] = run.refresh().active_requirements
    assert (approval.kind, approval.tool.tool_args["reason"]) == ("approval", "damaged")
    with pytest.raises(NotAuthorised, match="excludes requester"):
        approval.confirm(by="alice")
    approval.confirm(by="maria", note="within policy")
    with pytest.raises(AlreadyResolved, match="maria"):
        approval.reject(by="maria", note="I changed my mind")

    run = agent.continue_run(run_id=run.run_id)
    [message] = run.active_requirements
    assert (message.kind, message.tool.tool_name) == ("confirm", "messages.send")
    message.confirm(by="alice")

    run = agent.continue_run(run_id=run.run_id)
    assert run.state is RunState.DONE
    assert run.output == "Order 42 is settled. Last step: sent 44 characters to ana@customer.test."
    started = [line for line in agent.engine.runs.timeline(run.run_id) if line["event"] == "call_started"]
    assert [line["data"]["tool"] for line in started] == [
        "orders.lookup",
        "ask_user",
        "payments.refund",
        "messages.send",
    ]
    assert agent.engine.audit.verify().intact


def test_refund_a_no_is_heard_by_the_model_and_nothing_is_paid(example: Load) -> None:
    agent = example("refund").agent
    run = agent.run("Refund order 42", user="alice")
    run.active_requirements[0].provide_user_input({"whole_amount": True})
    run = agent.continue_run(run)
    run.active_requirements[0].provide_user_input({"reason": "goodwill"})
    run.active_requirements[0].reject(by="maria", note="too much for goodwill")
    run = agent.continue_run(run)
    replies = [entry.event.text for entry in agent.engine.runs.events(run.run_id) if hasattr(entry.event, "text")]
    assert "Rejected by maria: too much for goodwill" in replies[-1]
    started = [line for line in agent.engine.runs.timeline(run.run_id) if line["event"] == "call_started"]
    assert [line["data"]["tool"] for line in started] == ["orders.lookup", "ask_user"]


def test_deploy_two_approvals_at_once_and_a_freeze(example: Load) -> None:
    agent = example("deploy").agent
    run = agent.run("Ship web 1.4.0", user="alice")
    assert [r.tool.tool_args["service"] for r in run.active_requirements] == ["web", "worker"]
    assert [call.state for call in run.calls] == [CallState.GATED, CallState.GATED, CallState.DENIED]
    run.active_requirements[0].confirm(by="rob")
    still = agent.continue_run(run)
    assert still.state is RunState.RESOLVING, "one gate is still open: nothing runs"
    assert [call.state for call in still.calls] == [CallState.AUTHORISED, CallState.GATED, CallState.DENIED]
    still.active_requirements[0].confirm(by="rob")
    run = agent.continue_run(run)
    assert run.state is RunState.DONE
    assert run.output is not None
    assert run.output.startswith("web and worker 1.4.0 are out. The ledger is not: Denied by policy deploys/freeze")
    assert "This service is in a change freeze" in run.output


def test_deploy_who_asked_does_not_approve(example: Load) -> None:
    agent = example("deploy").agent
    run = agent.run("Ship web 1.4.0", user="rob")
    with pytest.raises(NotAuthorised, match="excludes requester"):
        run.active_requirements[0].confirm(by="rob")


def test_export_purpose_then_officer_and_no_bulk(example: Load) -> None:
    agent = example("export").agent
    run = agent.run("Customers of Berlin, please", user="alice")
    [form] = run.active_requirements
    with pytest.raises(AnswerRefused) as refused:
        form.provide_user_input({"purpose": "short", "keep_days": 365})
    assert {problem.partition(":")[0] for problem in refused.value.problems} == {"keep_days", "purpose"}
    form.provide_user_input({"purpose": "letters about the move", "keep_days": 30})
    [approval] = run.refresh().active_requirements
    approval.confirm(by="dora")
    run = agent.continue_run(run)
    assert run.output == (
        "Done: 800 rows of customers of Berlin exported, for: letters about the move, delete after 30 days."
    )
    denied = [line for line in agent.engine.runs.timeline(run.run_id) if line["event"] == "call_denied"]
    assert len(denied) == 1, "the bulk export"


def test_gate_on_a_bare_function(tmp_path: Path) -> None:
    done = python(tmp_path / "hitl.db", "-m", "examples.gate")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "web 1.4.0 is live on staging"
    assert lines[1].startswith("paused: deploy.release waits for req_")
    assert lines[2] == "web 1.4.0 is live on production"
    assert lines[3].startswith("denied: deploy.release: Denied by policy deploys/freeze")


def test_stream_reads_like_the_run(tmp_path: Path) -> None:
    done = python(tmp_path / "hitl.db", "-m", "examples.stream")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines() if not line.startswith("  ")] == [
        "First the plan, then staging.",
        "Staging looks good. Now production, for web, its worker and the ledger.",
        "paused",
        "paused",
        "web and worker 1.4.0 are out. The ledger is not",
    ]
    assert "  deploy.release denied: " in done.stdout


def test_a_team_asks_for_its_cashier_and_its_scout_is_not_held_up(example: Load) -> None:
    team = example("desk").team
    run = team.run("Where is order 42?", user="alice")
    [asked] = run.active_requirements
    assert (asked.path, asked.kind) == (("team desk", "agent cashier"), "confirm")
    ended = [
        line["data"]["tool"] for line in team.engine.runs.timeline(run.run_id) if line["event"] == "call_succeeded"
    ]
    assert ended == ["orders.lookup", "ask_scout"]
    asked.confirm(by="alice")
    assert team.continue_run(run).output == "Settled. 600.00 EUR are back for order 42."


def test_a_workflow_asks_for_a_step_a_way_and_a_letter(tmp_path: Path) -> None:
    done = python(tmp_path / "hitl.db", "-m", "examples.dispatch")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "confirm: workflow dispatch / step pack",
        "user_input: workflow dispatch / step way",
        "review: workflow dispatch / step letter",
        "  it reads: Dear customer: on its way are 12 books, 25.5 kg, nothing forbidden, by air.",
        "review: workflow dispatch / step letter",
        "  it reads: Dear Ana: on its way are 12 books, 25.5 kg, nothing forbidden, by air.",
        "done: Dear Ana: on its way are 12 books, 25.5 kg, nothing forbidden, by air.",
    ]


@pytest.mark.parametrize("name", ["refund", "deploy", "export"])
def test_an_example_starts_without_litellm_and_changes_its_model_in_one_line(name: str, tmp_path: Path) -> None:
    done = python(tmp_path / "hitl.db", "-c", f"import examples.{name}, sys; print('litellm' in sys.modules)")
    assert (done.stdout.strip(), done.stderr) == ("False", "")
    source = (ROOT / f"examples/{name}.py").read_text(encoding="utf-8")
    assert source.count("MODEL = f") == source.count("model=MODEL") == source.count("# for a real model: MODEL = ") == 1


@pytest.mark.parametrize("name", ["refund", "deploy", "export"])
def test_an_example_pauses_in_the_shell(name: str, tmp_path: Path) -> None:
    code = "from hitl_fsm.cli.main import main; main()"
    done = python(
        tmp_path / "hitl.db", "-c", code, "run", f"examples.{name}:agent", "Refund order 42", "--user", "alice"
    )
    assert done.returncode == 8, done.stdout + done.stderr
    assert "req_" in done.stdout + done.stderr
