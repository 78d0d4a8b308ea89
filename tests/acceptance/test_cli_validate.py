"""`hitl-fsm validate` as a process: formats, exit codes, and the watch."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from hitl_fsm.cli.watching import POLL_S, SETTLE_LOOKS, SETTLE_S
from moments import HUNG_S

GOOD = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: {name}
owner: test@example.com
description: For a test.
tools: [{tool}]
rules:
  - {{id: all, tools: {tool}, gate: {gate}}}
"""
FORM = "{user_input: {schema: {$ref: form.schema.json}}}"
SCHEMA = (
    '{"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "minLength": 1, "maxLength": 9}}}'
)


def good(name: str = "a", tool: str = "pay", gate: str = "confirm") -> str:
    return GOOD.format(name=name, tool=tool, gate=gate)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.policy.yaml").write_text(good(), encoding="utf-8")
    return Shell(tmp_path)


def spoil(shell: Shell, name: str = "a") -> None:
    (shell.folder / f"p/{name}.policy.yaml").write_text(good().replace("confirm", "confrm"), encoding="utf-8")


def test_every_format_tells_and_the_exit_code_is_the_same(shell: Shell) -> None:
    formats = ("text", "concise", "json", "sarif", "github", "junit")
    assert {one: shell("validate", "p", "--format", one).code for one in formats} == dict.fromkeys(formats, 0)
    spoil(shell)
    done = {one: shell("validate", "p", "--format", one) for one in formats}
    assert {one: found.code for one, found in done.items()} == dict.fromkeys(formats, 1)
    assert {found.err.splitlines()[0] for found in done.values()} == {"1 error in 1 file"}
    assert done["text"].out.startswith("p/a.policy.yaml:8:")
    assert "\n  |" in done["text"].out
    assert done["concise"].out.count("\n") == 1
    assert done["json"].json["errors"] == 1
    (run,) = done["sarif"].json["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "p/a.policy.yaml"
    assert run["artifacts"] == [{"location": {"uri": "p/a.policy.yaml", "uriBaseId": "%SRCROOT%"}}]
    assert done["github"].out.startswith("::error file=p/a.policy.yaml,line=8,col=")
    assert ET.fromstring(done["junit"].out).attrib["failures"] == "1"


ROLES = "apiVersion: hitl-fsm/v1\nkind: Roles\nroles: {finance: {members: [maria]}}\n"


def test_a_folder_of_people_needs_no_policies_and_an_empty_one_says_so(shell: Shell) -> None:
    people = shell.folder / "people"
    people.mkdir()
    assert "HF121" in shell("validate", "p", "people").out
    (people / "bank.roles.yaml").write_text(ROLES, encoding="utf-8")
    alone, both = shell("validate", "people"), shell("validate", "p", "people")
    assert (alone.code, alone.out, alone.err) == (0, "", "1 roles file: ok\n")
    assert (both.code, both.out, both.err) == (0, "", "1 policy, 1 rule, 1 roles file: ok\n")
    assert (shell("describe", "p", "people").code, shell("describe", "people").code) == (0, 1)
    (people / "bank.roles.yaml").write_text(ROLES.replace("members", "member"), encoding="utf-8")
    wrong = shell("validate", "people")
    assert (wrong.code, wrong.out.splitlines()[0]) == (1, "people/bank.roles.yaml:3:19 HF106 unknown key `member`")


def test_the_page_that_is_named_is_that_of_the_worst_finding(shell: Shell) -> None:
    (shell.folder / "p/a.policy.yaml").write_text(good().replace("gate: confirm", "gate: deny"), encoding="utf-8")
    spoil(shell, "b")
    found = shell("validate", "p")
    codes = [line.split()[1] for line in found.out.splitlines() if line.startswith("p/")]
    assert codes == ["HF230", "HF116", "HF110"]
    assert found.err.splitlines() == [
        "2 errors, 1 info in 2 files",
        "what a finding means, and what to do: hitl-fsm help HF116",
    ]


def test_sarif_names_a_file_the_same_however_it_was_named(shell: Shell) -> None:
    spoil(shell)
    names = ("p", "./p", str(shell.folder / "p"), "p/../p/a.policy.yaml")
    found = [shell("validate", one, "--format", "sarif").json["runs"][0]["results"][0] for one in names]
    assert len({json.dumps(one["locations"]) for one in found}) == 1
    assert len({json.dumps(one["partialFingerprints"]) for one in found}) == 1


def test_the_format_of_the_command_goes_before_that_of_the_program(shell: Shell) -> None:
    assert shell("--format", "json", "validate", "p").json["ok"] is True
    assert shell("validate", "p", HITL_FSM_FORMAT="json").json["ok"] is True
    assert shell("--format", "json", "validate", "p", "--format", "sarif").json["version"] == "2.1.0"
    refused = shell("--format", "sarif", "validate", "p")
    assert (refused.code, "'sarif' is not text or json" in refused.err) == (2, True)
    assert shell("validate", "p", "--format", "yaml").code == 2


def test_a_warning_fails_only_when_strict(shell: Shell) -> None:
    (shell.folder / "p/a.policy.yaml").write_text(good().replace("owner: test@example.com\n", ""), encoding="utf-8")
    lax, strict = shell("validate", "p"), shell("validate", "p", "--strict")
    assert (lax.code, strict.code) == (0, 1)
    assert lax.err.splitlines()[0] == "1 warning in 1 file: ok"
    assert strict.err.splitlines()[0] == "1 warning in 1 file"
    assert " warning: " in lax.out
    assert shell("validate", "p", "--format", "json").json["ok"] is True
    assert shell("validate", "p", "--format", "json", "--strict").json["ok"] is False


class Watching:
    """A `validate --watch` of its own process, and what it says, line by line, on both streams."""

    def __init__(self, shell: Shell, *args: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "validate", "p", "--watch", *args],
            cwd=shell.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=shell.environ(),
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, wanted: str) -> None:
        """Wait for a line with these words."""
        begun, seen = time.monotonic(), []
        while time.monotonic() < begun + HUNG_S:
            try:
                seen.append(self.lines.get(timeout=0.1))
            except queue.Empty:
                assert self.process.poll() is None, "\n".join(seen)
                continue
            if wanted in seen[-1]:
                return
        raise AssertionError("\n".join(seen))

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(HUNG_S)


@pytest.fixture
def watching(shell: Shell) -> Iterator[Watching]:
    found = Watching(shell)
    yield found
    if found.process.poll() is None:
        found.process.kill()
    found.process.wait()
    assert found.process.stdout is not None
    found.process.stdout.close()


def test_a_watch_sees_every_kind_of_change_and_ends_by_ctrl_c(shell: Shell, watching: Watching) -> None:
    policies, file = shell.folder / "p", shell.folder / "p/a.policy.yaml"
    watching.until("1 policy, 1 rule: ok")
    watching.until("watching 1 file;")
    for _ in range(2):
        spoil(shell)
        watching.until("HF")
        watching.until("watching")
        file.write_text(good(), encoding="utf-8")
        watching.until("1 policy, 1 rule: ok")
        watching.until("watching")
    assert POLL_S + SETTLE_LOOKS * SETTLE_S < 1, "a change is seen within a second"
    with file.open("w", encoding="utf-8") as half:
        half.write(good()[:70])
        half.flush()
        watching.until("HF")
        half.write(good()[70:])
    watching.until("1 policy, 1 rule: ok")
    watching.until("watching")
    (policies / "b.policy.yaml").write_text(good("b", "refund", FORM), encoding="utf-8")
    watching.until("HF118")
    watching.until("watching")
    (policies / "form.schema.json").write_text(SCHEMA, encoding="utf-8")
    watching.until("2 policies, 2 rules: ok")
    watching.until("watching 3 files")
    file.rename(policies / "c.policy.yaml")
    watching.until("changed: p/a.policy.yaml, p/c.policy.yaml")
    watching.until("2 policies, 2 rules: ok")
    watching.until("watching")
    policies.rename(shell.folder / "gone")
    watching.until("there is no such file or folder")
    watching.until("watching")
    (shell.folder / "gone").rename(policies)
    watching.until("2 policies, 2 rules: ok")
    assert watching.interrupt() == 130


def test_a_watch_as_json_is_a_line_a_check_and_other_formats_are_refused(shell: Shell) -> None:
    watching = Watching(shell, "--format", "json", "-q")
    first = json.loads(watching.lines.get(timeout=HUNG_S))
    assert (first["ok"], first["policies"]) == (True, 1)
    spoil(shell)
    assert json.loads(watching.lines.get(timeout=HUNG_S))["ok"] is False
    assert watching.interrupt() == 130
    assert watching.process.stdout is not None
    watching.process.stdout.close()
    refused = shell("validate", "p", "--watch", "--format", "sarif")
    assert (refused.code, "--watch prints text, concise, json" in refused.err) == (2, True)


def test_too_many_files_to_watch_are_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from hitl_fsm.cli import watching
    from hitl_fsm.errors import LimitExceeded

    monkeypatch.setattr(watching, "WATCHED_FILES", 1)
    assert len(watching.snapshot([str(shell.folder / "p")])) == 1
    (shell.folder / "p/b.policy.yaml").touch()
    with pytest.raises(LimitExceeded):
        watching.snapshot([str(shell.folder / "p")])
