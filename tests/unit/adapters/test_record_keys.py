"""The keys file: made once, whole at every moment, for its owner alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hitl_fsm.adapters.keys import FILE_BYTES, MAX_SIGNERS, KeyFile, Passing, key_source, new_signer
from hitl_fsm.adapters.store.ledger import no_keys
from hitl_fsm.audit.keys import Keys, signer_text
from hitl_fsm.errors import KeysError

RACERS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hitl.db.keys"


def test_where_keys_are(tmp_path: Path) -> None:
    beside = key_source(f"sqlite:///{tmp_path}/hitl.db?synchronous=normal")
    assert isinstance(beside, KeyFile)
    assert beside.path == tmp_path / "hitl.db.keys"
    assert isinstance(key_source("sqlite:///:memory:"), Passing)
    assert key_source("postgresql://host/db") is no_keys
    for url in ("postgresql://host/db", "sqlite:///hitl.db"):
        named = key_source(url, str(tmp_path / "named"))
        assert isinstance(named, KeyFile)
        assert named.path == tmp_path / "named"


def test_keys_are_made_when_they_are_asked_for_and_then_stay(path: Path) -> None:
    source = KeyFile(path)
    assert source() is None
    assert not path.exists()
    keys = source(make=True)
    assert keys is not None
    assert source() is keys
    assert KeyFile(path)() == keys
    assert KeyFile(path)(make=True) == keys
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert (len(keys.signers), len(keys.wrap), keys.lost) == (1, 32, ())


def test_each_file_has_keys_of_its_own(tmp_path: Path) -> None:
    one, other = KeyFile(tmp_path / "a").make(), KeyFile(tmp_path / "b").make()
    assert one.wrap != other.wrap
    assert one.signers[0].seed != other.signers[0].seed


def test_in_memory(path: Path) -> None:
    source = Passing()
    assert source() is None
    keys = source(make=True)
    assert keys is not None
    assert source() is source(make=True) is keys


def _make(path: Path, ready: object, found: object) -> None:
    ready.wait()  # type: ignore[attr-defined]
    found.put(KeyFile(path)(make=True))  # type: ignore[attr-defined]


def test_processes_that_race_get_the_same_keys(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(RACERS), context.Queue()
    racers = [context.Process(target=_make, args=(path, ready, found)) for _ in range(RACERS)]
    for racer in racers:
        racer.start()
    keys = {found.get(timeout=60) for _ in racers}
    for racer in racers:
        racer.join(60)
    assert keys == {KeyFile(path)()}
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_keys_that_others_can_read_are_not_used(path: Path, mode: int) -> None:
    source = KeyFile(path)
    source.make()
    path.chmod(mode)
    for one in (source, KeyFile(path)):
        with pytest.raises(KeysError, match="can be read by others") as caught:
            one()
        assert f"chmod 600 {path}" in (caught.value.help or "")
    path.chmod(0o400)
    assert source() is not None


def test_a_file_that_goes_away_is_seen(path: Path) -> None:
    source = KeyFile(path)
    keys = source.make()
    path.rename(path.with_name("away"))
    assert source() is None
    path.with_name("away").rename(path)
    assert source() == keys


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "no" / "keys")
    assert source() is None
    with pytest.raises(KeysError, match="cannot be written"):
        source(make=True)
    with pytest.raises(KeysError, match="cannot be read"):
        source.add(new_signer())


@pytest.mark.parametrize("name", ["folder", "fifo", "device"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir(0o700)
    elif name == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(KeysError):
        KeyFile(path)()


def test_only_a_whole_file_is_read(path: Path) -> None:
    source = KeyFile(path)
    keys = source.make()
    body = path.read_bytes()
    lines = body.splitlines(keepends=True)
    for wrong in (
        b"",
        b"\n",
        *(body[:end] for end in range(0, len(body) - 1, 7)),
        b"".join(lines[:-1]),
        b"".join([*lines, lines[-1]]),
        b"".join(one for one in lines if not one.startswith(b"PRIVATE")),
        body + b"something\n",
        body + b"\xff\n",
        body + b"#" * FILE_BYTES,
        body.replace(b"WRAP+", b"WRAP+AA"),
        b"PRIVATE+KEY+" + body,
    ):
        path.write_bytes(wrong)
        with pytest.raises(KeysError) as caught:
            KeyFile(path)()
        told = f"{caught.value.message} {caught.value.help}"
        assert signer_text(keys.signers[0])[-20:] not in told
    path.write_bytes(body)
    assert KeyFile(path)() == keys


def test_a_further_key_is_the_present_one(path: Path) -> None:
    source, other = KeyFile(path), KeyFile(path)
    old = source.make()
    assert other() == old
    signer = new_signer()
    keys = source.add(signer)
    assert keys == Keys((*old.signers, signer), old.wrap)
    assert other() == keys
    assert path.stat().st_mode & 0o777 == 0o600
    for _ in range(MAX_SIGNERS):
        source.add(new_signer())
    found = other()
    assert found is not None
    assert (len(found.signers), found.wrap) == (MAX_SIGNERS, old.wrap)


def _add(path: Path, ready: object) -> None:
    ready.wait()  # type: ignore[attr-defined]
    for _ in range(4):
        KeyFile(path).add(new_signer())


def test_nobody_who_adds_a_key_loses_anothers(path: Path) -> None:
    KeyFile(path).make()
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(RACERS)
    racers = [context.Process(target=_add, args=(path, ready)) for _ in range(RACERS)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    found = KeyFile(path)()
    assert found is not None
    assert len(found.signers) == 1 + 4 * RACERS


KILLED = """
import os, signal, sys
from pathlib import Path
from hitl_fsm.adapters import keys
step, left = sys.argv[2], int(sys.argv[3])
real = getattr(os, step) if hasattr(os, step) else getattr(Path, step)
def dying(*given, **named):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*given, **named)
setattr(os if hasattr(os, step) and step != "replace" else Path, step, dying)
keys.KeyFile(Path(sys.argv[1])).add(keys.new_signer())
"""


@pytest.mark.parametrize(("step", "nth"), [("open", 2), ("open", 3), ("fsync", 1), ("replace", 1), ("fsync", 2)])
def test_a_kill_between_any_two_steps_leaves_whole_keys(path: Path, step: str, nth: int) -> None:
    source = KeyFile(path)
    old = source.make()
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), step, str(nth)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    found = source()
    assert found is not None
    assert found.wrap == old.wrap
    assert found.signers[:1] == old.signers
    assert len(found.signers) == (2 if (step, nth) == ("fsync", 2) else 1)
    swap = path.with_name(f".{path.name}.swp")
    swap.touch()  # an editor's, and none of ours
    assert source.add(new_signer()).signers[: len(found.signers)] == found.signers
    assert set(path.parent.iterdir()) == {path, swap}, "no draft with secrets is left"


def test_lost_keys_are_replaced_and_kept_aside(path: Path) -> None:
    source = KeyFile(path)
    old = source.make()
    keys = source.set_aside(("name+00000000",))
    assert keys.lost == ("name+00000000",)
    assert keys.signers != old.signers
    assert KeyFile(path)() == keys
    aside = [one for one in path.parent.iterdir() if one != path]
    assert [KeyFile(one)() for one in aside] == [old]
    path.unlink()
    assert source.set_aside(("name+11111111",)).lost == ("name+11111111",)
