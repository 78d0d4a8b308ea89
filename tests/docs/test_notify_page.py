"""The how-to page on channels: its program prints what the page says, and what it says of events and times is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from test_tutorial import ROOT

from hitl_fsm.core.notices import EVENTS, USUAL
from hitl_fsm.runtime.outgoing.outbox import AGAIN_MAX_MS, AGAIN_MS, ATTEMPTS_MAX, SEND_S
from receiver import SECRET

PAGE = (ROOT / "docs/how-to/notify.md").read_text(encoding="utf-8")


def test_the_program_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    for name, text in re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page", "SECRET": SECRET}
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(program, "notify.md", "exec"), names)
    [expected] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out == expected
    names["engine"].close()


def test_the_first_example_can_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    [text] = re.findall(r"^```yaml file=\S+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "policies/payout.policy.yaml").write_text(text, encoding="utf-8")
    [example] = re.findall(r"^```python no-run\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "notify.md", "exec"), names)
    assert [one.name for one in names["engine"].parts.channels] == ["finance", "compliance", "webhook"]


def test_every_event_has_its_row() -> None:
    told = dict(re.findall(r"^\| (`.+?`) \| (.+) \|$", PAGE, re.MULTILINE))
    rows = {name: whom for names, whom in told.items() for name in re.findall(r"`(\w+)`", names)}
    words = {"asked": "those who are asked", "requester": "the requester", "everybody": "every channel"}
    assert set(rows) == set(EVENTS)
    assert all(rows[name].startswith(words[told_to]) for name, told_to in EVENTS.items())
    assert [name for name in rows if "only channels that name it" in rows[name]] == [
        name for name in EVENTS if name not in USUAL
    ]


def test_the_times_are_as_the_page_says() -> None:
    waits = [min(AGAIN_MAX_MS, AGAIN_MS * 2**n) for n in range(ATTEMPTS_MAX - 1)]
    assert (waits[0], AGAIN_MAX_MS, ATTEMPTS_MAX, SEND_S) == (5_000, 3_600_000, 12, 20.0)
    assert 2.3 < sum(waits) / 3_600_000 < 2.6
