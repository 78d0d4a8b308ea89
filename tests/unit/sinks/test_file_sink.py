"""A second copy in a file: exact lines, on the disk, in order, once; nothing that is not a file of one's own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.sinks import file as file_sink
from hitl_fsm.errors import SettingsError, SinkError
from hitl_fsm.sinks import File
from moments import HUNG_S
from sinks import lines_of


def text(lines: list[Any]) -> bytes:
    return b"".join(line.body + b"\n" for line in lines)


def write(sink: File, lines: list[Any]) -> None:
    asyncio.run(sink.write(lines))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.jsonl"


def test_the_lines_are_the_stored_bytes_and_on_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    sink, lines = File(path), lines_of(3, who="é")
    write(sink, lines[:2])
    assert synced[-1] == text(lines[:2])
    write(sink, lines[2:])
    assert synced[-1] == path.read_bytes() == text(lines)
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_a_rotation_it_goes_on_in_a_new_file(path: Path) -> None:
    sink, lines = File(path), lines_of(4)
    write(sink, lines[:2])
    path.rename(path.with_suffix(".1"))
    write(sink, lines[2:])
    assert (path.with_suffix(".1").read_bytes(), path.read_bytes()) == (text(lines[:2]), text(lines[2:]))


def test_one_that_is_rotated_while_it_is_written_to_is_an_error_and_the_new_file_has_the_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever rotates may have read, packed and removed the old one before the lines were in it."""
    sink, lines, real = File(path), lines_of(4), os.write
    write(sink, lines[:2])

    def rotated(file: int, data: bytes) -> int:
        monkeypatch.undo()
        path.unlink()
        return real(file, data)

    monkeypatch.setattr(os, "write", rotated)
    with pytest.raises(SinkError, match="was replaced while it was written to"):
        write(sink, lines[2:])
    write(sink, lines[2:])
    assert path.read_bytes() == text(lines[2:])


def test_where_no_thread_can_be_had_it_is_an_error_and_the_next_write_is_tried(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    sink = File(path)
    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(SinkError, match="can't start new thread"):
        write(sink, lines_of(1))
    monkeypatch.undo()
    write(sink, lines_of(1))
    assert path.read_bytes() == text(lines_of(1))


def test_what_is_there_already_is_not_repeated(path: Path) -> None:
    lines = lines_of(4)
    write(File(path), lines[:3])
    write(File(path), lines[1:])
    assert path.read_bytes() == text(lines)
    write(File(path), lines[1:])
    assert path.read_bytes() == text(lines)


def test_other_lines_of_the_same_numbers_are_not_taken_for_the_same(path: Path) -> None:
    lines, others = lines_of(3), lines_of(3, other=True)
    write(File(path), lines)
    write(File(path), others)
    assert path.read_bytes() == text(lines) + text(others)


def test_a_torn_piece_at_the_end_is_closed_and_the_whole_line_follows(path: Path) -> None:
    lines = lines_of(3)
    torn = lines[1].body[:9]
    path.write_bytes(text(lines[:1]) + torn)
    path.chmod(0o600)
    write(File(path), lines[1:])
    assert path.read_bytes() == text(lines[:1]) + torn + b"\n" + text(lines[1:])


def test_a_link_and_what_is_no_file_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch(0o600)
    path.symlink_to(other)
    with pytest.raises(SinkError, match="symbolic links"):
        write(File(path), lines_of(1))
    assert other.read_bytes() == b""
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(SinkError, match="no regular file"):
        write(File(path), lines_of(1))
    path.unlink()
    path.touch()
    path.chmod(0o620)
    with pytest.raises(SinkError, match="written by others"):
        write(File(path), lines_of(1))
    with pytest.raises(SettingsError):
        File(tmp_path)
    with pytest.raises(SinkError, match="No such file"):
        write(File(tmp_path / "gone" / "file"), lines_of(1))


def test_whoever_appends_waits_for_the_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_sink, "LOCK_S", 0.05)
    sink = File(path)
    write(sink, lines_of(1))
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SinkError, match="another process"):
            write(sink, lines_of(1, 2))
    write(sink, lines_of(1, 2))
    assert path.read_bytes() == text(lines_of(2))


def test_a_write_that_hangs_is_an_error_and_the_next_does_not_overtake_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, go = File(path), threading.Event()
    real = sink._file.append
    monkeypatch.setattr(sink._file, "append", lambda lines: (go.wait(HUNG_S), real(lines)))
    lines = lines_of(2)
    with pytest.raises(SinkError, match="within"):
        asyncio.run(sink._aside.do(lambda: sink._file.append(lines[:1]), 0.05))
    with pytest.raises(SinkError, match="has not come back"):
        write(sink, lines[1:])
    go.set()


FULL = """
import asyncio, resource, signal, sys
sys.path[:0] = ["tests", "."]
from pathlib import Path
from hitl_fsm.errors import SinkError
from hitl_fsm.sinks import File
from sinks import lines_of
path, lines = Path(sys.argv[1]), lines_of(40)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
sink = File(path)
try:
    asyncio.run(sink.write(lines))
except SinkError as error:
    print("refused", error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
asyncio.run(sink.write(lines))
whole = [line for line in path.read_bytes().split(b"\\n") if line.endswith(b"}")]
print([line.body for line in lines] == whole[-40:])
"""


def test_a_full_disk_is_an_error_and_the_lines_come_whole_afterwards(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True, timeout=60)
    refused, whole = done.stdout.splitlines()
    assert refused.startswith("refused")
    assert whole == "True"
