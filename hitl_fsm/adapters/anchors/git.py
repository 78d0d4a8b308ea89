"""A branch of a git repository, one commit a note. The program `git` does it: no shell, no hooks, a bounded time.

It writes objects and moves one branch; work trees, the index and other branches are not touched. With `push`, the
branch goes to a remote each time: a repository that only this machine has anchors nothing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hitl_fsm.adapters.anchors.agreeing import NOTES_MAX, is_new
from hitl_fsm.audit.checkpoint import MAX_NOTE, read_note, read_tree
from hitl_fsm.errors import AnchorError
from hitl_fsm.model.visible import visible

BRANCH = "refs/heads/hitl-fsm-checkpoints"
"""Where the notes are: each commit has the file `checkpoint`, and its parent is the note before."""
GIT_S = 60.0
"""How long one call of git may take."""

_FILE = "checkpoint"
_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.auto=0"),
    *("-c", "core.fsync=all", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"),
)
_WHO = {
    **{f"GIT_{role}_NAME": "hitl-fsm" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "hitl-fsm@localhost" for role in ("AUTHOR", "COMMITTER")},
}


class GitAnchor:
    """See `ports_out.Anchor`."""

    def __init__(self, path: Path, push: str = "") -> None:
        self.url = f"git+file://{path}" + (f"?push={_shown(push)}" if push else "")
        self._path = path
        self._push = push

    def keep(self, note: bytes) -> bool:
        """See `ports_out.Anchor`. Who loses a race for the branch is told so, and tries again at the next round."""
        tip = self._tip()
        new = is_new(note, None if tip is None else self._note(tip), self.url)
        if new:
            tree = read_tree(read_note(note))
            blob = self._git("hash-object", "-w", "--stdin", given=note).decode().strip()
            listed = self._git("mktree", given=f"100644 blob {blob}\t{_FILE}\n".encode()).decode().strip()
            parent = () if tip is None else ("-p", tip)
            said = f"{tree.origin}: {tree.size} lines\n".encode()
            commit = self._git("commit-tree", listed, *parent, given=said).decode().strip()
            self._git("update-ref", BRANCH, commit, "" if tip is None else tip)
        if self._push:
            self._git("push", "--quiet", "--no-verify", "--", self._push, f"{BRANCH}:{BRANCH}")
        return new

    def newest(self) -> bytes | None:
        """See `ports_out.Anchor`."""
        tip = self._tip()
        return None if tip is None else self._note(tip)

    def notes(self) -> Sequence[bytes]:
        """See `ports_out.Anchor`."""
        if self._tip() is None:
            return []
        found = self._git("rev-list", f"--max-count={NOTES_MAX}", BRANCH).decode().split()
        wanted = "".join(f"{commit}:{_FILE}\n" for commit in reversed(found)).encode()
        return _blobs(self._git("cat-file", "--batch", given=wanted), self.url)

    def _note(self, commit: str) -> bytes:
        return self._git("cat-file", "blob", f"{commit}:{_FILE}")[: MAX_NOTE + 1]

    def _tip(self) -> str | None:
        found = self._git("for-each-ref", "--format=%(objectname)", BRANCH).decode().strip()
        return found or None

    def _git(self, *arguments: str, given: bytes = b"") -> bytes:
        """AnchorError when git fails, is not there, or takes too long."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            done = subprocess.Popen(  # noqa: S603 - a fixed program, its arguments are ours
                ["git", "-C", str(self._path), *_OPTIONS, *arguments],  # noqa: S607 - the one of the path, as users have it
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**kept, **_WHO, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
                start_new_session=True,  # so that what it starts can be ended with it, and asks nobody at the terminal
            )
        except FileNotFoundError as error:
            msg = "the program git is not there"
            raise AnchorError(msg, help="install it, or use another anchor") from error
        except OSError as error:
            msg = f"the program git cannot be started: {error.strerror}"
            raise AnchorError(msg, help="look at its permissions, and at this machine's limits") from error
        with done:
            try:
                out, told = done.communicate(given, timeout=GIT_S)
            except subprocess.TimeoutExpired as error:
                msg = f"git {arguments[0]} did not end within {GIT_S:g} s in {self._path}"
                raise AnchorError(msg, help="look whether it waits for a lock, or for the remote") from error
            finally:
                if done.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(done.pid, signal.SIGKILL)  # it, and the ssh that it waits for
        if done.returncode:
            words = told.decode("utf-8", "replace").strip().splitlines() or [str(done.returncode)]
            said = next((one for one in words if one.startswith(("fatal:", "error:"))), words[-1])
            why = visible(_shown(said)[:500])  # what comes after it is advice, for who sees all of it
            msg = f"git {arguments[0]} failed in {self._path}: {why}"
            raise AnchorError(msg, help="it must be a git repository that this user may write")
        return out


def _shown(text: str) -> str:
    """Without what may be a secret in a URL: who, the password, the query."""
    return re.sub(r"\?[^\s']*", "", re.sub(r"(?<=://)[^/\s]*@", "", text))


def _blobs(listed: bytes, where: str) -> list[bytes]:
    """From `cat-file --batch`: a line `<id> blob <size>`, the bytes, a newline."""
    found: list[bytes] = []
    at = 0
    while at < len(listed):
        end = listed.index(b"\n", at)
        told = listed[at:end].split()
        if len(told) != 3 or told[1] != b"blob":  # noqa: PLR2004 - as above
            msg = f"a commit of {where} has no file {_FILE}"
            raise AnchorError(msg, help="look who writes to that branch besides")
        size = int(told[2])
        found.append(listed[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return found
