"""What the command line prints, where, and how it ends."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""What must never reach a terminal raw (newlines and tabs apart)."""
COLOURS = re.compile("\x1b\\[[0-9;]*m")
"""What Rich may write there."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One project; each test starts its own runs in it."""
    return Shell.in_new_project(tmp_path_factory.mktemp("project"))


def test_an_escape_sequence_or_bidi_override_in_an_argument_never_reaches_the_terminal_raw(shell: Shell) -> None:
    paused = shell("run", "app:nasty", "go\x1b[2J\u202e", "--user", "alice")
    assert paused.code == 8
    run = re.findall(r"run_\w+", paused.err)[0]
    requirement = re.findall(r"req_\w+-\d+", paused.err)[0]
    seen = [
        paused,
        shell("inbox"),
        shell("show", requirement),
        shell("show", requirement, "--format", "json"),
        shell("inbox", "--format", "json"),
        shell.at_terminal("inbox", answers=[]),
        shell.at_terminal("show", requirement, answers=[]),
        shell.at_terminal("approve", requirement, "--as", "alice", answers=[(r"\[y/N\]", "y")]),
        shell("runs", "continue", run, "--app", "app:engine"),
        shell("runs", "show", run),
        shell("runs", "show", run, "--format", "json"),
        shell("runs", "list"),
        shell("audit", "show"),
    ]
    for one in seen:
        assert one.code in {0, 8}, one
        text = COLOURS.sub("", one.out).replace("\r", "") + one.err
        assert not RAW.search(text), (one, RAW.search(text))
    shown, coloured = seen[2].out, COLOURS.sub("", seen[6].out)
    for text in (shown, coloured):
        assert "⟦U+202E⟧evil⟦U+200B⟧" in text
        assert r"bob\u001b[2J\u001b]0;owned\u0007" in text
        assert r'\n  \"amount\": 0 [bold]x[/bold]"' in text  # one line of JSON; Rich's markup is text
        assert '"amount": 1' in text
    assert "⟦U+001B⟧[31mred⟦U+202E⟧ paid" in seen[8].out
    assert json.loads(seen[3].out)["args"]["memo"].startswith("\u202eevil\u200b\n")  # JSON tells it exactly


def test_the_same_question_is_shown_plain_and_coloured_and_colour_is_only_for_a_terminal(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    piped = shell("show", requirement)
    coloured = shell.at_terminal("show", requirement, answers=[])
    assert "\x1b[" not in piped.out
    assert "\x1b[1" in coloured.out
    for args, environ in ((["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
        plain = shell.at_terminal("show", requirement, *args, answers=[], **environ)
        assert "\x1b[" not in plain.out
    for word in ("anyone with the role finance; not alice", '"order": "42"', "house/refund", "hitl-fsm reject"):
        assert word in COLOURS.sub("", coloured.out)


def test_long_arguments_are_cut_in_lists_only_and_say_by_how_much(shell: Shell) -> None:
    app = shell.folder / "long.py"
    app.write_text(
        'from app import agent\nlong = agent("long", [("pay", {"to": "x" * 500, "amount": 1})])\n', encoding="utf-8"
    )
    paused = shell("run", "long:long", "go", "--user", "alice")
    assert paused.code == 8
    requirement = re.findall(r"req_\w+-\d+", paused.err)[0]
    assert "characters; `show` has all)" in shell("inbox").out
    assert "x" * 500 in shell("show", requirement).out


def test_json_has_the_promised_keys(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    shown = shell("show", requirement, "--format", "json").json
    assert {
        "id",
        "run",
        "call",
        "kind",
        "state",
        "asks",
        "agent",
        "user",
        "tool",
        "args",
        "arguments",
        "severity",
    } <= set(shown)
    assert {"stage", "stages", "who", "digest", "short_digest", "opened_at", "run_state", "why", "how"} <= set(shown)
    assert shown["digest"].startswith(shown["short_digest"])
    assert json.loads(shown["arguments"]) == shown["args"] == {"to": "bob", "amount": 5, "memo": ""}
    row = next(one for one in shell("inbox", "--format", "json").lines if one["id"] == requirement)
    assert set(row) == {
        *("id", "run", "kind", "severity", "agent", "user", "tool", "args"),
        *("digest", "stage", "stages", "opened_at", "expires_at", "path", "votes", "flags", "policy_changed"),
    }
    listed = shell("runs", "list", "--format", "json").lines[0]
    assert set(listed) == {"run", "kind", "name", "state", "user", "created_at", "updated_at", "open_requirements"}
    whole = shell("runs", "show", run, "--format", "json").json
    assert set(whole) == {
        *("run", "kind", "name", "state", "user", "prompt", "created_at", "updated_at"),
        *("path", "inside", "output", "error", "usage", "calls", "requirements", "timeline"),
    }
    assert set(shell("audit", "verify", "--format", "json").json) == {
        *("intact", "verdict", "count", "head", "findings", "total_findings"),
        *("trust", "keys", "checkpoints", "covered", "anchors", "opened"),
    }
    assert set(shell("doctor", "--format", "json").json) == {"ok", "checks"}
    validated = shell("validate", ".", "--format", "json").json
    counts = {"policies": 1, "rules": 6, "errors": 0, "warnings": 0, "infos": 0}
    assert validated == {"ok": True, **counts, "findings": []}
    assert set(shell("graph", "--format", "json").json) == {"machine", "states", "transitions", "path"}


def test_a_stream_is_text_on_stdout_and_events_on_stderr_or_json_lines(shell: Shell) -> None:
    text = shell("run", "app:paying", "go", "--user", "alice", "--stream")
    assert text.code == 8
    assert "· RunStarted" in text.err
    assert "· RunPaused" in text.err
    lines = shell("run", "app:paying", "go", "--user", "alice", "--stream", "--format", "json")
    assert lines.code == 8
    events = [line["event"] for line in lines.lines]
    assert (events[0], events[-1]) == ("RunStarted", "RunPaused")
    (requirement,) = lines.lines[-1]["open"]
    assert shell("approve", requirement, "--as", "alice").code == 0
    run = lines.lines[0]["run"]
    done = shell("runs", "continue", run, "--app", "app:engine", "--stream")
    assert done.code == 0
    assert done.out == "all done: paid 5.0 to bob\n"
    assert "· ToolCallCompleted" in done.err


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["--version"], 0, ""),
        (["nonsense"], 2, "there is no command 'nonsense'"),
        (["aprove"], 2, "did you mean 'approve'?"),
        (["runs", "lst"], 2, "No such command 'lst'"),
        (["show"], 2, "Missing argument"),
        (["inbox", "--format", "xml"], 2, "'xml' is not text or json"),
        (["inbox", "--store", "mysql://x"], 3, "HF501"),
        (["inbox", "--store", "sqlite:///nowhere.db"], 3, "there is no store at nowhere.db"),
        (["show", "req_none"], 2, "HF303"),
        (["approve", "req_none"], 2, "HF303"),
        (["runs", "show", "run_none"], 2, "HF302"),
        (["runs", "continue", "run_none", "--app", "app:engine"], 2, "HF302"),
        (["runs", "continue", "run_none"], 2, "give --app module:engine"),
        (["run", "app", "go"], 2, "'app' names no application"),
        (["run", "ap:paying", "go"], 2, "did you mean app?"),
        (["run", "app:payin", "go"], 2, "did you mean app:paying?"),
        (["run", "app:not_an_agent", "go"], 2, "is a int, not an Engine, an Agent, a Team or a Workflow"),
        (["run", "app:engine", "go"], 2, "an agent, a team or a workflow can be run"),
        (["run", "broken:x", "go"], 2, "raised ZeroDivisionError: division by zero at"),
        (["run", "app:paying", "go", "--user", "alice", "--store", "sqlite:////proc/none/x.db"], 3, "HF501"),
        (["validate", "nowhere"], 2, "there is no file or folder 'nowhere'"),
        (["validate", "bad"], 1, "bad/bad.policy.yaml:"),
        (["graph", "call", "--run", "run_none"], 2, "--run"),
        (["graph", "--run", "run_none"], 2, "HF302"),
        (["schema", "nope"], 2, "there are policy"),
        (["input", "req_none", "--data", "[1]"], 2, "--data"),
        (["input", "req_none", "--data", "@nowhere.json"], 2, "cannot be read"),
        (["approve", "req_none", "--set", "novalue"], 2, "is not NAME=VALUE"),
    ],
)
def test_exit_codes_and_errors(shell: Shell, args: list[str], code: int, told: str) -> None:
    (shell.folder / "broken.py").write_text("x = 1 / 0\n", encoding="utf-8")
    (shell.folder / "bad").mkdir(exist_ok=True)
    (shell.folder / "bad/bad.policy.yaml").write_text("apiVersion: hitl-fsm/v1\nkind: Polcy\n", encoding="utf-8")
    if not (shell.folder / "hitl.db").exists():
        shell.start("paying")
    done = shell(*args)
    assert done.code == code, done
    assert told in done.err + (done.out if args[0] == "validate" else "")
    if code not in {0, 1}:
        assert done.out == ""


def test_settings_come_from_options_then_the_environment_then_pyproject(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    run, _ = shell.start("paying")
    assert shell("inbox", "--format", "json").lines[0]["run"] == run
    assert shell("--format", "json", "inbox").lines[0]["run"] == run  # before the command too
    assert shell("inbox", HITL_FSM_FORMAT="json").lines[0]["run"] == run
    assert shell("inbox", HITL_FSM_FORMAT="xml").code == 2
    assert shell("runs", "continue", run, HITL_FSM_APP="app:engine").code == 8
    other = "sqlite:///other.db"
    assert shell("inbox", HITL_FSM_STORE=other).code == 3
    started = shell("run", "app:paying", "go", "--user", "alice", "--store", other, HITL_FSM_STORE="sqlite:///third.db")
    assert started.code == 8
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "third.db").exists()
    assert len(shell("inbox", "--store", other, "--format", "json").lines) == 1

    (tmp_path / "fixed.py").write_text(
        'from hitl_fsm import Engine\nengine = Engine(policies="house.policy.yaml", store="sqlite:///mine.db")\n',
        encoding="utf-8",
    )
    refused = shell("runs", "continue", run, "--app", "fixed:engine", "--store", other)
    assert refused.code == 2
    assert "keeps its runs in sqlite:///mine.db" in refused.err

    with (tmp_path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('colour = "red"\n')
    assert "unknown settings: colour" in shell("inbox").err


def test_quiet_keeps_data_and_a_reader_who_leaves_is_no_error(shell: Shell) -> None:
    shell.start("paying")
    assert shell("inbox", "-q").err == ""
    assert shell("inbox", "-q").out
    piped = subprocess.run(
        f"'{PROGRAM[0]}' -c '{PROGRAM[2]}' audit show | head -1",
        shell=True,
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
        env=shell.environ(),
    )
    assert piped.stdout.startswith("seq")
    assert piped.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_a_full_disk_does_not_take_is_an_error_and_what_was_done_is_done(shell: Shell) -> None:
    """It was called a defect."""
    _, (asked,) = shell.start("paying")
    for args in ("audit show", "audit export --format csv", f"approve {asked} --as alice --yes"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [*PROGRAM, *args.split()],
                cwd=shell.folder,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                env=shell.environ(),
            )
        assert done.returncode == 3, done.stderr
        assert "HF704 what is printed cannot be written: No space left on device" in done.stderr
        assert "HF000" not in done.stderr
    assert shell("show", asked, "--format", "json").json["state"] == "resolved"


def test_names_of_files_that_are_written_repaint_no_terminal(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for args in (["schema", "--out", "a\x1b[2J"], ["init", "b\x1b[2J"]):
        done = shell(*args)
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "⟦U+001B⟧" in done.out


def test_a_page_never_overwrites_a_policy(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("init", ".")
    policy = tmp_path / "policies/payments.policy.yaml"
    before = policy.read_bytes()
    refused = shell("describe", "policies", "--out", "policies/payments.policy.yaml")
    assert (refused.code, refused.out) == (2, "")
    assert ".md or .html" in refused.err
    assert policy.read_bytes() == before
    assert shell("describe", "policies", "--out", "page.md").code == 0


def test_looking_makes_no_store(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    for args in (["inbox"], ["runs", "list"], ["audit", "verify"], ["approve", "req_x"], ["doctor"], ["show", "req_x"]):
        shell(*args)
    assert not (tmp_path / "hitl.db").exists()


def test_init_writes_a_project_that_runs_and_overwrites_nothing(tmp_path: Path) -> None:
    outside = Shell(tmp_path)
    made = outside("init", "mine")
    assert made.code == 0
    assert "hitl-fsm run app:agent" in made.err
    assert [Path(line).name for line in made.out.splitlines()] == [
        *("app.py", "script.yaml", "payments.policy.yaml", "payments.policytest.yaml", "pyproject.toml"),
        *("policy.schema.json", "policytest.schema.json", "routes.schema.json", "roles.schema.json"),
    ]
    project = Shell(tmp_path / "mine")
    checked = project("validate", "policies", "--strict", "--tools", "app:agent")
    assert (checked.code, checked.out, checked.err) == (0, "", "1 policy, 3 rules: ok\n")
    assert project("test", "policies", "--min-coverage", "100").code == 0
    paused = project("run", "app:agent", "Refund order 42", "--format", "json")
    assert paused.code == 8
    assert project("approve", paused.json["requirements"][0]["id"]).code == 0
    done = project("runs", "continue", paused.json["run"])
    assert (done.code, done.out) == (0, "Done: refunded 120.00 EUR for order 42.\n")
    assert project("doctor").code == 0

    (tmp_path / "mine/app.py").write_text("precious\n", encoding="utf-8")
    again = outside("init", "mine")
    assert again.code == 5
    assert "app.py" in again.err
    assert (tmp_path / "mine/app.py").read_text(encoding="utf-8") == "precious\n"

    (tmp_path / "old").mkdir()
    (tmp_path / "old/pyproject.toml").write_text("[project]\n", encoding="utf-8")
    kept = outside("init", "old")
    assert kept.code == 0
    assert "[tool.hitl-fsm]" in kept.err
    assert (tmp_path / "old/pyproject.toml").read_text(encoding="utf-8") == "[project]\n"


def test_doctor_names_a_remedy_for_each_problem(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/x.policy.yaml").write_text("kind: Nope\n", encoding="utf-8")
    (tmp_path / "hitl.db").write_bytes(b"not a database" * 100)
    sick = shell("doctor", "--app", "app:nothing", "--format", "json")
    assert sick.code == 1
    problems = {check["topic"]: check for check in sick.json["checks"] if check["outcome"] == "problem"}
    assert set(problems) == {"store", "policies", "application"}
    assert all(check["remedy"] for check in problems.values())
