"""Where the keys of a record are kept: a file that its owner alone can read, looked at each time that they are needed.

Beside a SQLite database it is `<database>.keys`, made with the first line of the record. A PostgreSQL store has one
where `record_keys` names it. It is written whole and moved into place, so that whoever reads it finds all of one state.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hitl_fsm.audit.checkpoint import ORIGIN
from hitl_fsm.audit.keys import KEY_BYTES, Keys, Signer, read_signer, signer_text
from hitl_fsm.errors import BadNote, KeysError

if TYPE_CHECKING:
    from hitl_fsm.adapters.store.ledger import KeySource

SUFFIX = ".keys"
"""After a SQLite database's own name."""
FILE_BYTES = 64 * 1024
"""A larger file is none of ours."""
MAX_SIGNERS = 64
"""Keys of one file; the oldest are dropped beyond it."""
NAME = f"{ORIGIN}default"

_MODE = 0o600
_TRIES = 100
_DRAFT_BYTES = 8
_DRAFT = "[0-9a-f]" * (2 * _DRAFT_BYTES)  # the end of a draft's name; no editor has such
_WRAP = "WRAP+"
_LOST = "LOST+"
_HEAD = """\
# The keys of a record (hitl-fsm). Who reads this file can sign for the store and read what it keeps of people.
# Keep a copy of it, apart from the copies of the database. `hitl-fsm audit keys` lists what is in it.
"""
_HELP = "nothing was written; see docs/how-to/record-keys.md"


def key_source(url: str, path: str | None = None) -> KeySource:
    """The keys of the store at a URL: in the file `path`, or where such a store has them by default."""
    from hitl_fsm.adapters.store.ledger import no_keys  # noqa: PLC0415 - it imports much of the store
    from hitl_fsm.adapters.store.url import POSTGRESQL, parse  # noqa: PLC0415 - as above

    if path:
        return KeyFile(Path(path))
    if url.startswith(POSTGRESQL):
        return no_keys
    file = parse(url).path
    return Passing() if file is None else KeyFile(Path(file + SUFFIX))


def new_keys(lost: tuple[str, ...] = ()) -> Keys:
    """Random ones."""
    return Keys((new_signer(),), secrets.token_bytes(KEY_BYTES), lost)


def new_signer() -> Signer:
    """A random one."""
    return Signer(NAME, secrets.token_bytes(KEY_BYTES))


class Passing:
    """Keys that end with this process, as the store in memory does."""

    def __init__(self) -> None:
        self._keys: Keys | None = None

    def __call__(self, *, make: bool = False) -> Keys | None:
        """See `KeySource`."""
        if make and self._keys is None:
            self._keys = new_keys()
        return self._keys


class KeyFile:
    """A file of keys. What was read is kept as long as the file is the same one, and unchanged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._known: tuple[tuple[int, ...], Keys] | None = None

    def __call__(self, *, make: bool = False) -> Keys | None:
        """See `KeySource`."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - at each write, and half as dear as a Path
        except FileNotFoundError:
            self._known = None
            return self.make() if make else None
        except OSError as error:
            msg = f"the keys file {self.path} cannot be looked at: {error.strerror}"
            raise KeysError(msg, help=_HELP) from error
        known = self._known
        if known is None or known[0] != _state(found):
            known = self._known = self._read()
        return known[1]

    def make(self, lost: tuple[str, ...] = ()) -> Keys:
        """Make the file, with new keys; of two processes that do so at once, both get the same ones."""
        draft = self._draft(new_keys(lost))
        try:
            os.link(draft, self.path)
        except OSError as error:
            if not self.path.exists():  # nobody else made it meanwhile
                msg = f"the keys file {self.path} cannot be made: {error.strerror}"
                raise KeysError(msg, help=_HELP) from error
        finally:
            draft.unlink(missing_ok=True)
        self._sync_folder()
        self._known = self._read()
        return self._known[1]

    def add(self, signer: Signer) -> Keys:
        """Make `signer` the present one. Before, or after, a crash at any point the file is whole: old, or new."""
        with self._alone():
            old = self._read()[1]
            keys = old._replace(signers=(*old.signers, signer)[-MAX_SIGNERS:])
            draft = self._draft(keys)
            try:
                draft.replace(self.path)
            except OSError as error:
                draft.unlink(missing_ok=True)
                msg = f"the keys file {self.path} cannot be replaced: {error.strerror}"
                raise KeysError(msg, help=_HELP) from error
            self._sweep()
            self._sync_folder()
        return keys

    def set_aside(self, lost: tuple[str, ...]) -> Keys:
        """New keys in the place of those that are lost; what stands there is kept beside it."""
        if self.path.exists():
            self.path.rename(self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}.old"))
        return self.make(lost)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The lock of the file that stands there now: who waited for one that was replaced takes the new one's."""
        for _ in range(_TRIES):
            try:
                file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                msg = f"the keys file {self.path} cannot be read: {error.strerror}"
                raise KeysError(msg, help=_HELP) from error
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_ino == self.path.stat().st_ino:
                    yield
                    return
            finally:
                os.close(file)
        msg = f"the keys file {self.path} is replaced all the time"
        raise KeysError(msg, help="look who does that, and try again")

    def _read(self) -> tuple[tuple[int, ...], Keys]:
        try:
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(file, "rb") as stream:
                found = os.fstat(stream.fileno())
                body = stream.read(FILE_BYTES + 1)
        except OSError as error:
            msg = f"the keys file {self.path} cannot be read: {error.strerror}"
            help_ = f"it is for the one user who writes the store; {_HELP}"
            raise KeysError(msg, help=help_) from error
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            msg = f"the keys file {self.path} can be read by others, or is no file"
            raise KeysError(
                msg, help=f"chmod 600 {self.path}; if others may have read it: `hitl-fsm audit keys rotate`"
            )
        return _state(found), _parsed(self.path, body)

    def _draft(self, keys: Keys) -> Path:
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(_DRAFT_BYTES)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE), "wb") as stream:
                stream.write(_text(keys).encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            draft.unlink(missing_ok=True)
            msg = f"the keys file {self.path} cannot be written: {error.strerror}"
            raise KeysError(msg, help=_HELP) from error
        return draft

    def _sweep(self) -> None:
        """Drafts of processes that died, each with secrets. Who makes the file at this moment finds it made."""
        for draft in self.path.parent.glob(f".{escape(self.path.name)}.{_DRAFT}"):
            draft.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _text(keys: Keys) -> str:
    lines = [*map(signer_text, keys.signers), _WRAP + base64.b64encode(keys.wrap).decode()]
    return _HEAD + "".join(f"{line}\n" for line in (*lines, *(_LOST + one for one in keys.lost)))


def _parsed(path: Path, body: bytes) -> Keys:
    """KeysError for anything but what `_text` writes; no message tells a secret."""
    signers: list[Signer] = []
    wraps: list[bytes] = []
    lost: list[str] = []
    try:
        for line in body.decode("ascii").splitlines():
            if not line or line.startswith("#"):
                continue
            if line.startswith(_WRAP):
                wraps.append(base64.b64decode(line.removeprefix(_WRAP), validate=True))
            elif line.startswith(_LOST):
                lost.append(line.removeprefix(_LOST))
            else:
                signers.append(read_signer(line))
    except (UnicodeDecodeError, binascii.Error, BadNote):
        signers.clear()
    if len(body) > FILE_BYTES or not signers or len(wraps) != 1 or len(wraps[0]) != KEY_BYTES:
        msg = f"{path} is not a whole file of keys"
        raise KeysError(msg, help=f"restore it from its backup; {_HELP}")
    return Keys(tuple(signers), wraps[0], tuple(lost))
