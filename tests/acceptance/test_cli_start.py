"""What a command imports: LiteLLM never, the store's migrations and pydantic only where they are needed.

Each command is a start of its own here. Other tests fork theirs from a process that has imported everything
(`forked.py`), which would hide an import that is missing.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from hitl_fsm.cli.commands import COMMANDS

PAYMENTS = str(Path(__file__).parents[2] / "policies/payments")
CHECKED = {"graph", "inbox", "runs", "audit", "show", "approve", "input", "validate", "doctor", "schema", "init", "run"}
OTHERS: list[tuple[list[str], int]] = [
    (["demo", "--yes"], 0),
    (["test", PAYMENTS], 0),
    (["explain", "pay", "--policies", "."], 0),
    (["diff", PAYMENTS, PAYMENTS], 0),
    (["impact", "."], 0),
    (["describe", "."], 0),
    (["wait", "RUN", "--timeout", "0.1"], 124),
    (["grants", "list"], 0),
    (["overrides", "list"], 0),
    (["abstain", "REQ", "--as", "alice"], 2),
    (["advise", "REQ", "unsure", "--as", "zoe"], 0),
    (["withdraw", "REQ", "--as", "alice"], 4),
    (["break-glass", "REQ", "--note", "flood", "--as", "alice"], 2),
    (["reject", "REQ", "--as", "alice"], 0),
    (["revoke", "REQ", "--note", "late", "--as", "alice"], 5),
    (["retry", "REQ", "--as", "alice"], 5),
    (["respond", "REQ", "--data", '"x"', "--as", "alice"], 5),
    (["result", "BANK", "--data", '{"receipt": "7"}', "--as", "alice"], 0),
    (["delegate", "--list"], 0),
    (["notices", "list"], 0),
    (["db", "status"], 0),
    (["worker", "--once", "--app", "app:engine"], 0),
    (["help", "HF205"], 0),
    (["import-flags", "app:paying"], 0),
]
WATCHED = (
    *("litellm", "sqlalchemy", "alembic", "pydantic", "rich", "jsonschema", "cel_expr_python", "transitions"),
    *("google", "yaml"),
)
LOADED = (
    "import sys, json\n"
    "from hitl_fsm.cli.main import run\n"
    "code = run()\n"
    f"watched = set({WATCHED!r})\n"
    "print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules} & watched)]), file=sys.stderr)\n"
)


def loaded(shell: Shell, *args: str) -> tuple[int, set[str]]:
    """The exit code of a command, and which of the watched packages it imported."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args],
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=False,
        env=shell.environ(),
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    return code, set(names)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell.in_new_project(tmp_path_factory.mktemp("project"))


def test_only_what_a_command_needs_is_imported(shell: Shell, tmp_path: Path) -> None:
    run, (requirement,) = shell.start("paying")
    _, (form,) = shell.start("shipping")
    engine = {"transitions", "cel_expr_python"}
    policies = {*engine, "pydantic", "jsonschema", "google", "yaml"}
    tried = set()
    for args, expected, allowed in (
        (["--help"], 0, set()),
        (["--version"], 0, set()),
        (["graph"], 0, set()),
        (["inbox"], 0, set()),
        (["inbox", "--format", "json"], 0, set()),
        (["runs", "list"], 0, set()),
        (["audit", "verify"], 0, {"transitions", "yaml"}),
        (["audit", "show"], 0, engine),
        (["show", requirement], 0, engine),
        (["runs", "show", run], 0, engine),
        (["approve", requirement, "--as", "alice"], 0, engine),
        (["input", form, "--set", "speed=fast", "--set", "floors=1", "--as", "alice"], 0, policies),
        (["runs", "cancel", run, "--as", "alice"], 0, engine),
        (["validate", "house.policy.yaml"], 0, policies),
        (["doctor"], 0, policies),
        (["schema"], 0, policies),
        (["init", str(tmp_path / "new")], 0, policies),
        (["run", "app:paying", "go"], 8, policies),
    ):
        code, found = loaded(shell, *args)
        assert code == expected, args
        assert found <= allowed, (args, found - allowed)
        tried.add(args[0])
    assert tried - {"--help", "--version"} == CHECKED


@pytest.mark.slow
def test_every_other_command_imports_what_it_uses(shell: Shell) -> None:
    assert {args[0] for args, _ in OTHERS} == set(COMMANDS) - CHECKED
    run, (requirement,) = shell.start("paying")
    _, (external,) = shell.start("banking")
    ids = {"RUN": run, "REQ": requirement, "BANK": external}
    for args, expected in OTHERS:
        command = [*PROGRAM, *(ids.get(one, one) for one in args)]
        done = subprocess.run(
            command, cwd=shell.folder, capture_output=True, text=True, check=False, env=shell.environ()
        )
        assert (done.returncode, "HF000" in done.stderr) == (expected, False), (args, done.stdout, done.stderr)


ENDED = (
    "import gc\nfrom hitl_fsm.cli.main import main\ntry:\n    main()\nfinally:\n"
    "    print(gc.get_freeze_count(), sum(one['collections'] for one in gc.get_stats()))"
)


def test_garbage_is_hardly_searched_for_in_what_was_imported() -> None:
    """Neither while it is imported, nor when the process ends."""
    command = [sys.executable, "-c", ENDED, "validate", PAYMENTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    frozen, searches = map(int, done.stdout.splitlines()[-1].split())
    assert frozen > len(sys.builtin_module_names)
    assert searches < 50, "with 700 new objects as the reason for a search there are 120"
