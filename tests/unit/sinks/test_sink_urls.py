"""Second copies as a setting names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters.settings import size_of
from hitl_fsm.adapters.sinks.kinds import sinks_of
from hitl_fsm.errors import SettingsError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.outgoing.copies import SINKS, SINKS_MAX
from hitl_fsm.runtime.outgoing.named import checked
from hitl_fsm.sinks import File
from sinks import MoodySink

NONE = PolicySet((), "", "", ())


def test_each_kind_by_its_url() -> None:
    found = sinks_of(
        "file:///var/log/a%20b.jsonl syslog+tcp://h:601#name=siem&from=start  syslog+unix:///dev/log#name=local"
        " https://logs.example.com/x?tenant=1#bearer=env:TOKEN&secret=env:KEY"
    )
    assert [one.name for one in found] == ["file", "siem", "local", "http"]
    assert [one.from_start for one in found] == [False, True, False, False]
    assert [repr(one) for one in found] == [
        "File('/var/log/a b.jsonl', name='file')",
        "Syslog('syslog+tcp://h:601', name='siem')",
        "Syslog('syslog+unix:///dev/log', name='local')",
        "HTTP('https://logs.example.com/…', name='http')",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ftp://x",
        "/var/log/x",
        "file://host/x",
        "file:relative",
        "file:///x#colour=red",
        "file:///x#from=head",
        "file:///x#name=A",
        "syslog+tcp://h#max_bytes=many",
        "syslog+tcp://h#max_bytes=1",
        "https://h/x#bearer=abc",
        "https://h/x#max_bytes=5",
    ],
)
def test_what_cannot_be_one_is_an_error(text: str) -> None:
    with pytest.raises(SettingsError):
        sinks_of(text)


def test_the_setting_is_taken_beside_the_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_FSM_RECORD_SINKS", f"file://{tmp_path}/b.jsonl#name=b")
    engine = Engine(NONE, f"sqlite:///{tmp_path}/hitl.db", sinks=[File(tmp_path / "a.jsonl")])
    assert engine.parts.copies is not None
    assert [one.name for one in engine.parts.copies.sinks] == ["file", "b"]
    with pytest.raises(SettingsError, match="two copies"):
        Engine(NONE, f"sqlite:///{tmp_path}/hitl.db", sinks=[File(tmp_path / "a.jsonl", name="b")])
    monkeypatch.delenv("HITL_FSM_RECORD_SINKS")
    assert Engine(NONE, f"sqlite:///{tmp_path}/hitl.db").parts.copies is None


def test_how_many_and_what() -> None:
    with pytest.raises(SettingsError, match="too many"):
        checked([MoodySink(f"s{number}") for number in range(SINKS_MAX + 1)], SINKS)
    with pytest.raises(SettingsError, match="keeps no copy"):
        checked([object()], SINKS)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("16 MiB", 16 * 2**20), ("512KiB", 2**19), ("1 GiB", 2**30), ("4096", 4096)]
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "-1", "16 MB", "1.5 MiB", "MiB", "9999999999999 GiB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(SettingsError):
        size_of(text)
