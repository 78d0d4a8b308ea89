"""What a command imports: LiteLLM never, the store's migrations and pydantic only where they are needed.

Each command is a start of its own here. Other tests fork theirs from a process that has imported everything
(`forked.py`), which would hide an import that is missing.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from hitl_fsm.cli.commands import COMMANDS
from hitl_fsm.cli.policies.checking import Request, look_at

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
UNUSED_BY_VALIDATE = (
    *("alembic", "asyncio", "cryptography", "email_validator", "httpx", "jsonschema", "litellm", "logging", "openai"),
    *("referencing", "rich", "sqlalchemy", "sqlite3", "ssl", "structlog", "transitions", "xml"),
    *("hitl_fsm.connect", "hitl_fsm.core", "hitl_fsm.ports", "hitl_fsm.runtime", "hitl_fsm.adapters.store"),
    *("hitl_fsm.policy.calendar_documents", "hitl_fsm.policy.describe"),
    *("hitl_fsm.policy.slips", "hitl_fsm.policy.testing", "hitl_fsm.policy.tool_check", "hitl_fsm.policy.type_check"),
    *("hitl_fsm.policy.formats.junit", "hitl_fsm.policy.formats.sarif", "hitl_fsm.policy.workflows.document"),
)
"""Of these, the last are those of the language's parts that a file may have, and most have not."""
LOADED = (
    "import sys, json\n"
    "from hitl_fsm.cli.main import run\n"
    "code = run()\n"
    f"watched = set({WATCHED!r})\n"
    "print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules} & watched)]), file=sys.stderr)\n"
)

ALL_LOADED = "import sys\nfrom hitl_fsm.cli.main import run\nassert run() == 0\n"


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
    reading = {"cel_expr_python", "pydantic", "google", "yaml"}
    policies = {*engine, *reading, "jsonschema"}
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
        (["validate", "house.policy.yaml"], 0, reading),
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


def test_a_policy_with_forms_is_validated_without_what_it_does_not_use() -> None:
    told = f"{ALL_LOADED}print([m for m in {UNUSED_BY_VALIDATE!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", told, "validate", PAYMENTS], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines() == ["1 policy, 6 rules: ok", "[]"]


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


def test_garbage_is_not_searched_for_in_policies_that_are_read() -> None:
    def searches() -> int:
        return sum(one["collections"] for one in gc.get_stats())

    before, usual = searches(), gc.get_threshold()
    gc.set_threshold(10)
    try:
        look = look_at(Request((PAYMENTS,)))
        assert searches() - before < 20
        assert gc.isenabled()
    finally:
        gc.set_threshold(*usual)
    assert look.report.rules > 0


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
