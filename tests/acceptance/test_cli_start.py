"""What a command imports: LiteLLM never, the store's migrations and pydantic only where they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.shell import Shell

WATCHED = ("litellm", "sqlalchemy", "alembic", "pydantic", "rich", "jsonschema", "cel_expr_python", "transitions")
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
    for args, expected, allowed in (
        (["--help"], 0, set()),
        (["--version"], 0, set()),
        (["graph"], 0, set()),
        (["inbox"], 0, set()),
        (["inbox", "--format", "json"], 0, set()),
        (["runs", "list"], 0, set()),
        (["audit", "verify"], 0, engine),
        (["audit", "show"], 0, engine),
        (["show", requirement], 0, engine),
        (["runs", "show", run], 0, engine),
        (["approve", requirement, "--as", "alice"], 0, engine),
        (
            ["input", form, "--set", "speed=fast", "--set", "floors=1", "--as", "alice"],
            0,
            {*engine, "pydantic", "jsonschema"},
        ),
        (["runs", "cancel", run, "--as", "alice"], 0, engine),
        (["validate", "house.policy.yaml"], 0, {*engine, "pydantic", "jsonschema"}),
        (["doctor"], 0, {*engine, "pydantic", "jsonschema"}),
        (["schema"], 0, {*engine, "pydantic", "jsonschema"}),
        (["init", str(tmp_path / "new")], 0, {*engine, "pydantic", "jsonschema"}),
        (["run", "app:paying", "go"], 8, {*engine, "pydantic", "jsonschema"}),
    ):
        code, found = loaded(shell, *args)
        assert code == expected, args
        assert found <= allowed, (args, found - allowed)
