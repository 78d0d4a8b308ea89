"""Every kind of question from the shell, one process a command: pause, look, answer, go on, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


def the_record_tells_it(shell: Shell, row: dict[str, Any]) -> None:
    """Who answered, who typed, about what; the chain; the path."""
    record = shell("audit", "show", "--run", row["run"], "--format", "json").lines
    (resolved,) = [line for line in record if line["event"] == "requirement_resolved"]
    assert resolved["by"]["id"] == "maria"
    assert resolved["by"]["authenticated_by"].endswith(" as maria")
    assert resolved["by"]["authenticated_by"].startswith("os:")
    assert (resolved["data"]["shown"], set(resolved["contents"])) == (row["digest"], {"answer"})
    assert "requirement_resolved" in shell("audit", "show").out
    verified = shell("audit", "verify")
    assert verified.code == 0
    assert verified.out.startswith("intact: ")

    told = shell("runs", "show", row["run"])
    assert "running → paused → resolving → continuing → done" in told.out
    assert "approve by maria: fine" in told.out
    path = shell("graph", "--run", row["run"], "--format", "json").json["path"]
    assert path == ["running", "paused", "resolving", "continuing", "done"]


def test_an_approved_action_runs_once_and_the_record_verifies(shell: Shell) -> None:
    paused = shell("run", "app:refunding", "go", "--user", "alice")
    assert paused.code == 8
    assert paused.out == ""  # words are on stderr
    (row,) = shell("inbox", "--format", "json").lines
    assert row["id"] in paused.err
    assert f"hitl-fsm --app app:refunding approve {row['id']}" in paused.err
    assert (row["kind"], row["tool"], row["user"], row["agent"]) == ("approval", "refund", "alice", "refunding")
    assert row["args"] == {"order": "42", "amount": 5}

    shown = shell("show", row["id"])
    assert shown.code == 0
    for told in (
        '"order": "42"',
        "anyone with the role finance; not alice",
        "house/refund",
        "house.policy.yaml:",
        row["digest"],
    ):
        assert told in shown.out
    assert "(in 4 h); then it is refused" in shown.out

    assert shell("runs", "continue", row["run"], "--app", "app:engine").code == 8
    assert shell.witness() == []

    # Without the application nobody has roles; with it, those of its lookup; and the requester is excluded.
    for speaker, app in (("maria", None), ("alice", "app:engine"), (None, "app:engine")):
        options = [*(("--as", speaker) if speaker else ()), *(("--app", app) if app else ())]
        refused = shell("approve", row["id"], *options)
        assert (refused.code, refused.out) == (4, ""), refused
        assert "error: HF308" in refused.err
    assert "give --app module:engine" in shell("approve", row["id"], "--as", "maria").err

    said = shell("approve", row["id"], "--as", "maria", "--app", "app:engine", "--note", "fine")
    assert (said.code, said.out) == (0, f"{row['id']} refund: approved\n")
    assert f"hitl-fsm --app app:engine runs continue {row['run']}" in said.err
    assert shell.witness() == []

    done = shell("runs", "continue", row["run"], "--app", "app:engine")
    assert (done.code, done.out) == (0, "all done: refunded 5.0\n")
    assert shell.witness() == ["refund 42 5.0"]
    again = shell("runs", "continue", row["run"], "--app", "app:engine")
    assert (again.code, again.out) == (0, done.out)
    assert shell.witness() == ["refund 42 5.0"]

    the_record_tells_it(shell, row)


def test_a_second_answer_changes_nothing_and_exits_5(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    assert shell("reject", requirement, "--note", "too much", "--as", "alice").code == 0
    for command in (["approve", requirement], ["reject", requirement], ["input", requirement, "--data", "{}"]):
        second = shell(*command, "--as", "alice")
        assert second.code == 5
        assert "HF304" in second.err
        assert "already rejected by alice (reject) at 20" in second.err
    done = shell("runs", "continue", run, "--app", "app:paying")
    assert done.code == 0
    assert "too much" in done.out  # the model read the note
    assert shell.witness() == []


def test_a_form_is_refused_with_a_reason_for_each_field_and_taken_when_it_fits(shell: Shell) -> None:
    run, (requirement,) = shell.start("shipping")
    bare = shell("input", requirement, "--as", "alice")
    assert bare.code == 2
    assert "speed: string, required, How fast" in bare.err
    bad = shell("input", requirement, "--set", "speed=warp", "--set", "floors=many", "--set", "x=1", "--as", "alice")
    assert bad.code == 2
    assert all(f"  - {field}" in bad.err for field in ("speed:", "floors:"))
    assert shell("input", requirement, "--data", '{"speed": "slow", "speed": "fast"}', "--as", "alice").code == 2
    assert len(shell("inbox", "--format", "json").lines) == 1

    (shell.folder / "form.json").write_text('{"speed": "fast", "floors": 9}', encoding="utf-8")
    given = shell(
        "input", requirement, "--data", "@form.json", "--set", "floors=2", "--set", "zip=01234", "--as", "alice"
    )
    assert (given.code, given.out) == (0, f"{requirement} ship: filled in\n")
    assert shell("runs", "continue", run, "--app", "app:engine").code == 0
    assert shell.witness() == ["ship 42 fast 2 '01234' False"]


def test_an_external_call_takes_a_result_that_fits_its_schema(shell: Shell) -> None:
    run, (requirement,) = shell.start("banking")
    assert shell("approve", requirement).code == 2
    assert f"hitl-fsm result {requirement} --data JSON" in shell("approve", requirement).err
    assert shell("result", requirement, "--data", "not json").code == 2
    bad = shell("result", requirement, "--data", '{"receipt": 5}')
    assert bad.code == 2
    assert "receipt" in bad.err
    assert shell("result", requirement, "--data", "@-", stdin='{"receipt": "r1"}').code == 0
    done = shell("runs", "continue", run, "--app", "app:engine")
    assert done.code == 0
    assert "r1" in done.out


def test_of_an_outside_system_that_failed_there_is_no_result(shell: Shell) -> None:
    run, (requirement,) = shell.start("banking")
    assert f"hitl-fsm result {requirement} --failed TEXT" in shell("show", requirement).out
    for wrong in (["--failed", " "], ["--failed", "x", "--data", "1"], ["--failed", "x", "--edit"]):
        assert shell("result", requirement, *wrong).code == 2
    told = shell("result", requirement, "--failed", "the account is closed", "--note", "by phone")
    assert (told.code, told.out) == (0, f"{requirement} bank: what it came to is recorded\n")
    assert shell("result", requirement, "--data", '{"receipt": "r1"}').code == 5
    done = shell("runs", "continue", run, "--app", "app:engine")
    assert (done.code, "the account is closed" in done.out) == (0, True)


def test_only_an_external_call_fails_outside(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    told = shell("result", requirement, "--failed", "x")
    assert told.code == 2
    assert "nothing was recorded" in told.err
    assert f"hitl-fsm approve {requirement}" in told.err


def test_a_silent_call_is_asked_of_nobody_and_can_be_answered(shell: Shell) -> None:
    file = shell.folder / "house.policy.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("route: bank", "route: bank\n        silent: true"))
    for streamed in ([], ["--stream"]):
        told = shell("run", "app:banking", "Pay it", "--user", "alice", *streamed)
        assert told.code == 8
        assert "is paused: it waits for an outside system\n" in told.err
        assert "req_" not in told.err + told.out
    document = shell("run", "app:banking", "Pay it", "--user", "alice", "--format", "json").json
    assert [one["silent"] for one in document["requirements"]] == [True]
    waiting = shell("inbox", "--format", "json").lines
    assert [one["kind"] for one in waiting] == ["external"] * 3
    assert "external, silent" in shell("show", waiting[0]["id"]).out
    assert shell("result", waiting[0]["id"], "--data", '{"receipt": "r1"}').code == 0
    assert shell("runs", "continue", waiting[0]["run"], "--app", "app:engine").code == 0


def test_beside_a_question_a_silent_call_is_one_line(shell: Shell) -> None:
    file = shell.folder / "house.policy.yaml"
    text = file.read_text(encoding="utf-8").replace("route: bank", "route: bank\n        silent: true")
    file.write_text(text.replace("rules:", "batch: run_ungated\nrules:", 1))
    with (shell.folder / "app.py").open("a", encoding="utf-8") as app:
        app.write(
            'two = agent("two", [("bank", {"iban": "DE1"}), ("note", {"text": "x"}), ("bank", {"iban": "DE2"})])\n'
        )
    told = shell("run", "app:two", "Pay it", "--user", "alice").err
    assert "is paused: it waits for a person\n  and for 2 results from outside; `hitl-fsm inbox` lists all\n" in told
    assert told.count("req_") == told.count(told.partition("req_")[2].split()[0])
    assert "DE1" not in told


@pytest.mark.parametrize(
    ("command", "said", "witnesses", "told"),
    [
        (["result", "--data", '"it was paid"'], "it happened, with this result", 1, "it was paid"),
        (["reject"], "nobody knows; given up on", 1, ""),
        (["approve"], "it did not happen; it will run", 2, ""),
    ],
)
def test_a_lost_call_is_settled_by_a_person(
    shell: Shell, command: list[str], said: str, witnesses: int, told: str
) -> None:
    run, (requirement,) = shell.start("crashing")
    assert shell("approve", requirement, "--as", "alice").code == 0
    assert shell("runs", "continue", run, "--app", "app:engine").code == 9  # died inside the tool
    assert shell.witness() == ["pay crash 1.0"]
    lost = shell("runs", "continue", run, "--app", "app:engine", "--format", "json")
    assert lost.code == 8
    (open_,) = lost.json["requirements"]
    assert open_["kind"] == "outcome"
    assert "Did it happen?" in shell("show", open_["id"]).out
    answered = shell(command[0], open_["id"], *command[1:])
    assert answered.code == 0
    assert said in answered.out
    ended = shell("runs", "continue", run, "--app", "app:engine")
    assert len(shell.witness()) == witnesses
    if witnesses == 1:
        assert ended.code == 0
        assert told in ended.out


def test_edited_arguments_need_the_application_and_are_what_runs(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    alone = shell("approve", requirement, "--set", "amount=3", "--as", "alice")
    assert alone.code == 2
    assert "--app" in alone.err
    wrong = shell("approve", requirement, "--set", "amount=lots", "--as", "alice", "--app", "app:engine")
    assert wrong.code == 2
    assert "amount" in wrong.err
    edited = shell("approve", requirement, "--set", "amount=3", "--set", "to=7", "--as", "alice", "--app", "app:engine")
    assert edited.code == 0, edited.err
    assert shell("runs", "continue", run, "--app", "app:engine").code == 0
    assert shell.witness() == ["pay 7 3.0"]


def test_several_are_answered_each_on_its_own_and_the_worst_code_counts(shell: Shell) -> None:
    run, (pay, refund) = shell.start("both")
    mixed = shell(
        *("approve", pay, refund, "req_none", "--yes"), "--as", "alice", "--app", "app:engine", "--format", "json"
    )
    assert mixed.code == 4
    third, first, second = mixed.lines
    assert (first["id"], first["answer"], first["state"], first["run_state"]) == (
        pay,
        "approve",
        "resolved",
        "resolving",
    )
    assert first["open"] == [refund]
    assert (second["id"], second["error"]["code"]) == (refund, "HF308")
    assert (third["id"], third["error"]["code"]) == ("req_none", "HF303")
    still = shell("runs", "continue", run, "--app", "app:engine")
    assert still.code == 8
    assert shell.witness() == []  # nothing of a batch runs past an open gate


def test_a_cancelled_run_never_runs(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    assert shell("runs", "cancel", run, "--note", "mistake", "--as", "alice").code == 0
    assert shell("approve", requirement, "--as", "alice").code == 5
    assert shell("runs", "continue", run, "--app", "app:engine").code == 5
    assert shell("runs", "cancel", run, "--as", "alice").code == 5
    assert shell.witness() == []
    (row,) = shell("runs", "list", "--state", "cancelled", "--format", "json").lines
    assert row["run"] == run
    assert shell("runs", "list", "--state", "paused").out == ""


def test_a_broken_record_is_told_and_exits_1(shell: Shell) -> None:
    import sqlite3

    shell.start("paying")
    with sqlite3.connect(shell.folder / "hitl.db") as database:
        table = next(
            name
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%record%'"
            )
        )
        database.execute(f"UPDATE {table} SET body = replace(body, 'alice', 'mallory') WHERE seq = 2")
    broken = shell("audit", "verify")
    assert broken.code == 1
    assert "line 2" in broken.out
    report = shell("audit", "verify", "--format", "json")
    assert report.code == 1
    assert report.json["intact"] is False


def test_speaking_as_somebody_is_for_the_owner_of_the_store(shell: Shell) -> None:
    import os

    if os.geteuid() != 0:
        pytest.skip("only root may give a file away; the unit tests say the same")
    _, (requirement,) = shell.start("paying")
    os.chown(shell.folder / "hitl.db", 12_345, -1)
    refused = shell("approve", requirement, "--as", "alice")
    assert refused.code == 4
    assert "only the owner" in refused.err
    started = shell("run", "app:paying", "go", "--user", "alice")
    assert started.code == 4


# -- at a terminal


def test_a_terminal_shows_and_asks_before_it_approves(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    no = shell.at_terminal("approve", requirement, "--as", "alice", answers=[(r"\[y/N\]", "n")])
    assert no.code == 1
    assert '"to": "bob"' in no.out
    assert "nothing was recorded" in no.out
    yes = shell.at_terminal("approve", requirement, "--as", "alice", answers=[(r"\[y/N\]", "huh"), (r"\[y/N\]", "y")])
    assert yes.code == 0
    assert "approved" in yes.out
    assert shell("runs", "continue", run, "--app", "app:engine").code == 0


def test_a_terminal_asks_field_by_field_and_again_for_what_does_not_fit(shell: Shell) -> None:
    run, (requirement,) = shell.start("shipping")
    answers = [
        (r"speed:", "warp"),
        (r"speed:", "2"),
        (r"floors .*:", ""),
        (r"floors .*:", "-1"),
        (r"floors .*:", "3"),
        (r"zip .*:", "01"),
        (r"gift .*default false.*:", "y"),
    ]
    done = shell.at_terminal("input", requirement, "--as", "alice", answers=answers, NO_COLOR="1")
    assert done.code == 0, done.out
    assert "1) slow" in done.out
    assert "it is required" in done.out
    assert shell("runs", "continue", run, "--app", "app:engine").code == 0
    assert shell.witness() == ["ship 42 fast 3 '01' True"]


def test_a_terminal_shows_the_words_of_a_choice_and_the_agent_reads_the_values(shell: Shell) -> None:
    run, (requirement,) = shell.start("asking")
    shown = shell("show", requirement)
    assert 'one of "s" (Small), "l" (Large)' in shown.out
    answers = [(r"size:", "huge"), (r"size:", "large"), (r"extras .*:", "1, card")]
    done = shell.at_terminal("input", requirement, "--as", "alice", answers=answers, NO_COLOR="1")
    assert done.code == 0, done.out
    assert "2) Large = l" in done.out
    told = shell("runs", "continue", run, "--app", "app:engine")
    assert told.code == 0
    assert '{"size":"l","extras":["bow","card"]}' in told.out
