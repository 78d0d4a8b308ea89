"""Anchors keep what they were given, in order, and take nothing that contradicts it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.anchors.agreeing import is_whole
from hitl_fsm.adapters.anchors.file import FileAnchor
from hitl_fsm.adapters.anchors.git import BRANCH, GitAnchor
from hitl_fsm.adapters.anchors.kinds import ANCHORS_MAX, anchor_of, anchors_of
from hitl_fsm.adapters.anchors.objects import ObjectAnchor
from hitl_fsm.audit.checkpoint import Tree, write
from hitl_fsm.audit.keys import Signer
from hitl_fsm.errors import AnchorError, BadNote, SettingsError
from hitl_fsm.ports_out import Anchor
from moments import in_time
from receiver import wait_for

SIGNER = Signer("hitl-fsm/default", bytes(32))


def note(size: int, root: int = 7, origin: str = "hitl-fsm/default/0123456789abcdef") -> bytes:
    return write(Tree(origin, size, bytes([root]) * 32), (SIGNER,))


class Bucket(BaseHTTPRequestHandler):
    """An object store that replaces nothing."""

    objects: dict[str, bytes]
    status: int
    lock = threading.Lock()

    def do_GET(self) -> None:
        body = self.objects.get(self.path)
        self._answer(404 if body is None else 200, body or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.lock:
            if self.status != 200:
                self._answer(self.status, b"")
            elif self.headers["if-none-match"] != "*":
                self._answer(400, b"")
            elif self.path in self.objects:
                self._answer(412, b"")
            else:
                self.objects[self.path] = body
                self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[tuple[str, type[Bucket]]]:
    kind = type("Own", (Bucket,), {"objects": {}, "status": 200})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


def repository(path: Path, *options: str) -> Path:
    subprocess.run(["git", "init", "-q", *options, str(path)], check=True)
    return path


@pytest.fixture(params=["file", "git", "bare", "objects"])
def anchor(request: pytest.FixtureRequest, tmp_path: Path) -> Anchor:
    match request.param:
        case "file":
            return anchor_of(f"file://{tmp_path}/with%20space.notes")
        case "git":
            return anchor_of(f"git+file://{repository(tmp_path / 'repo')}")
        case "bare":
            return anchor_of(f"git+file://{repository(tmp_path / 'repo', '--bare')}")
        case _:
            return anchor_of(f"{request.getfixturevalue('bucket')[0]}/log/")


def test_notes_are_kept_in_order(anchor: Anchor) -> None:
    assert anchor.newest() is None
    kept = [note(size) for size in (1, 2, 5, 9, 1000)]
    for one in kept:
        assert anchor.keep(one)
        assert anchor.newest() == one
        assert not anchor.keep(one)
    assert not anchor.keep(kept[0])
    assert list(anchor.notes()) == kept


@pytest.mark.parametrize("wrong", [note(5, root=8), note(9, origin="hitl-fsm/default/another")])
def test_what_contradicts_the_newest_one_is_not_added(anchor: Anchor, wrong: bytes) -> None:
    anchor.keep(note(5))
    with pytest.raises(AnchorError, match="another"):
        anchor.keep(wrong)
    assert anchor.newest() == note(5)


def test_only_checkpoints_are_kept(anchor: Anchor) -> None:
    with pytest.raises(BadNote):
        anchor.keep(b"anything")
    assert anchor.newest() is None


def test_those_who_keep_at_once_lose_nothing(anchor: Anchor) -> None:
    failed: list[Exception] = []

    def keep(size: int) -> None:
        try:
            anchor.keep(note(size))
        except AnchorError as error:  # git: somebody else moved the branch
            failed.append(error)

    threads = [threading.Thread(target=keep, args=(size,)) for size in range(1, 7)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    sizes = [int(one.split(b"\n")[1]) for one in anchor.notes()]
    assert sizes == sorted(set(sizes))
    assert len(sizes) >= 1
    assert not failed or isinstance(anchor, GitAnchor)


@pytest.mark.parametrize("left", [1, 10, 34, 36, 37, 60, 82, 83, 84, 90, 140, 200, -2, -1])
def test_a_note_that_was_cut_off_in_a_file_is_left_behind(tmp_path: Path, left: int) -> None:
    path = tmp_path / "notes"
    path.write_bytes(note(1) + b"\n" + note(2)[:left])
    anchor = FileAnchor(path)
    assert anchor.newest() == note(1)
    for size in (3, 4):
        assert anchor.keep(note(size))
        assert anchor.newest() == note(size)
    assert [one for one in anchor.notes() if is_whole(one)] in (
        [note(1), note(3), note(4)],
        [note(1), note(2), note(3), note(4)],  # but for its last newline it was whole
    )


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "no" / "file", tmp_path, tmp_path / "link"):
        with pytest.raises(AnchorError):
            FileAnchor(path).keep(note(1))
    with pytest.raises(AnchorError):
        FileAnchor(tmp_path / "absent").notes()


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe held up who read or wrote it for good; a folder ended the worker with an error that nobody expected."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("pipe", "folder", "link"):
        anchor = FileAnchor(tmp_path / name)
        for work in (anchor.newest, anchor.notes, lambda one=anchor: one.keep(note(1))):
            with pytest.raises(AnchorError):
                in_time(work)


def test_a_stopped_process_that_has_the_file_locked_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl_fsm.adapters.anchors.file.LOCK_S", 0.05, raising=False)
    path = tmp_path / "notes"
    with path.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(AnchorError, match="another process"):
            in_time(lambda: FileAnchor(path).keep(note(1)))
    assert FileAnchor(path).keep(note(1))


def test_git_runs_no_hooks_and_touches_no_work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = repository(tmp_path / "repo")
    for name in ("pre-commit", "post-commit", "reference-transaction", "post-index-change"):
        hook = path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    assert GitAnchor(path).keep(note(3))
    monkeypatch.delenv("GIT_DIR")
    assert not (tmp_path / "ran").exists()
    assert [one.name for one in path.iterdir()] == [".git"]
    done = subprocess.run(["git", "-C", str(path), "log", "--format=%s", BRANCH], capture_output=True, check=True)
    assert done.stdout == b"hitl-fsm/default/0123456789abcdef: 3 lines\n"


def test_git_pushes_where_it_is_told_to(tmp_path: Path) -> None:
    remote, path = repository(tmp_path / "remote", "--bare"), repository(tmp_path / "repo")
    subprocess.run(["git", "-C", str(path), "remote", "add", "origin", str(remote)], check=True)
    assert anchor_of(f"git+file://{path}?push=origin").keep(note(3))
    assert list(GitAnchor(remote).notes()) == [note(3)]
    with pytest.raises(AnchorError):
        anchor_of(f"git+file://{path}?push=nowhere").keep(note(4))


def test_git_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AnchorError, match="git"):
        GitAnchor(tmp_path).keep(note(1))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnchorError, match="not there"):
        GitAnchor(tmp_path).newest()


def test_a_lock_that_a_killed_git_left_is_named(tmp_path: Path) -> None:
    """Nothing is kept while it is there; the error ended with advice to remove "the file"."""
    anchor = anchor_of(f"git+file://{repository(tmp_path / 'repo')}")
    assert anchor.keep(note(1))
    lock = tmp_path / "repo/.git" / f"{BRANCH}.lock"
    lock.touch()
    with pytest.raises(AnchorError, match=rf"(?s)Unable to create '{lock}': File exists"):
        anchor.keep(note(2))
    lock.unlink()
    assert anchor.keep(note(2))
    assert anchor.notes() == [note(1), note(2)]


def test_git_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("hitl_fsm.adapters.anchors.git.GIT_S", 0.2)
    with pytest.raises(AnchorError, match="did not end"):
        GitAnchor(tmp_path).newest()


def test_what_git_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh that waits for a remote was left behind, one more at each round of a worker."""
    remote, path = repository(tmp_path / "remote", "--bare"), repository(tmp_path / "repo")
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/made && mv {tmp_path}/made {tmp_path}/pid\nexec sleep 600\n")
    ssh.chmod(0o755)
    subprocess.run(["git", "-C", str(path), "config", "core.sshCommand", str(ssh)], check=True)
    for size, seconds in enumerate((2.0, 20.0, 120.0), 1):  # a busy machine takes longer to come as far as to ssh
        monkeypatch.setattr("hitl_fsm.adapters.anchors.git.GIT_S", seconds)
        with pytest.raises(AnchorError, match="did not end"):
            GitAnchor(path, f"ssh://host{remote}").keep(note(size))
        if (tmp_path / "pid").exists():
            break
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """One that ended, and that nobody has waited for, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_secret_of_a_remote_is_told(tmp_path: Path) -> None:
    """An anchor's URL is written into the record, for good."""
    path = repository(tmp_path / "repo")
    anchor = anchor_of(f"git+file://{path}?push=http://bot:hunter2@127.0.0.1:9/log.git")
    assert anchor.url == f"git+file://{path}?push=http://127.0.0.1:9/log.git"
    with pytest.raises(AnchorError) as caught:
        anchor.keep(note(1))
    assert "hunter2" not in str(caught.value)


def test_a_url_for_one_object_takes_one_checkpoint(bucket: tuple[str, type[Bucket]]) -> None:
    url, kind = bucket
    anchor = anchor_of(f"{url}/one.note?signature=secret")
    assert "secret" not in anchor.url
    assert anchor.newest() is None
    assert anchor.keep(note(3))
    assert not anchor.keep(note(3))
    with pytest.raises(AnchorError, match="another object"):
        anchor.keep(note(4))
    assert list(anchor.notes()) == [note(3)]
    assert list(kind.objects.values()) == [note(3)]


def test_a_store_of_objects_that_refuses(bucket: tuple[str, type[Bucket]]) -> None:
    url, kind = bucket
    kind.status = 403
    with pytest.raises(AnchorError, match="403"):
        anchor_of(f"{url}/log/").keep(note(3))
    kind.objects["/log/000000000000.note"] = b"x" * 100_000
    with pytest.raises(AnchorError):
        anchor_of(f"{url}/log/").newest()


def test_a_store_of_objects_that_is_not_there() -> None:
    with pytest.raises(AnchorError, match="did not answer") as caught:
        ObjectAnchor("http://user:secret@127.0.0.1:9/log/").keep(note(1))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "notes",
        "ftp://host/",
        "file://host/path",
        "file:relative",
        "file:///path?x=1",
        "git+file:///path?x=1",
        "git+file:///path?push=--exec",
        "git+file:///path?push=",
        "https://host/object",
        "https:///path/",
        "https://[host/path/",
    ],
)
def test_urls_that_are_no_anchors(url: str) -> None:
    with pytest.raises(SettingsError):
        anchor_of(url)


def test_the_setting_names_several() -> None:
    assert [one.url for one in anchors_of(" file:///a  git+file:///b file:///a ")] == ["file:///a", "git+file:///b"]
    assert anchors_of("") == []
    with pytest.raises(SettingsError):
        anchors_of(" ".join(f"file:///{number}" for number in range(ANCHORS_MAX + 1)))
