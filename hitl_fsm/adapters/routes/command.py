"""A program of this machine carries the call out: JSON on its stdin, JSON on its stdout, no shell between."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

import msgspec

from hitl_fsm.adapters.routes.given import UnreadableError, json_value, seconds, secret_name, secret_value
from hitl_fsm.adapters.routes.wire import data_of
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.dispatch import Failed, Handover, NotBegun, Outcome, Refused, Returned, Unknown
from hitl_fsm.model.visible import visible

TIMEOUT_S = 60.0
"""Seconds that a program has, unless the application says otherwise."""
OUTPUT_BYTES = 1024 * 1024
"""Bytes of a program's stdout; one that prints more is stopped."""
STDERR_KEPT = 4_096
"""Bytes of its stderr that are kept for people, the last ones."""
TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL to a program whose time is over, and after that for its end."""
_LAST_S = 0.2
"""Seconds for what its pipes still have; what has left its group may hold them open for ever."""
_STDIN, _STDOUT, _STDERR = range(3)
_HARMLESS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What it has of this process's environment."""


class Command:
    """`Command(["python", "pay.py"], timeout="30s")`: one start for each call.

    It reads the handover on stdin, prints the result as one JSON value and ends with 0. Any other status is its word
    that it failed: the model is told the status, people also the end of its stderr. What does not end in time is
    stopped, with all that it started (unless that left its process group), and nobody knows what it did.
    `env` is added to PATH, HOME and the like; a value `env:NAME` is taken from this process's own variable NAME.
    `idempotent`: it may be started again with the same `idempotency_key` when nobody knows.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout: str | float = TIMEOUT_S,
        idempotent: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        texts = [] if isinstance(argv, str) else [*argv, *(env or {}), *(env or {}).values()]
        if not texts or not argv or not argv[0] or not all(isinstance(one, str) and "\0" not in one for one in texts):
            msg = "a route's command must be a list of texts, the program first"
            raise SettingsError(
                msg, help='as in Command(["python", "pay.py"]); there is no shell that would split a text'
            )
        self.idempotent = idempotent
        self._argv = tuple(argv)
        self._timeout_s = seconds(timeout, "the timeout of a command")
        self._env = dict(env or {})
        self._secrets = {
            name: secret_name(value, f"the variable {name}")
            for name, value in self._env.items()
            if value.startswith("env:")
        }
        self._cwd = cwd

    def __repr__(self) -> str:
        return f"<command {self._argv[0]}>"  # arguments may hold what nobody should read

    async def hand_over(self, handover: Handover) -> Outcome:
        """See `ports_out.Route`."""
        loop = asyncio.get_running_loop()
        try:
            program, heard = await loop.subprocess_exec(
                _Heard,
                *self._argv,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=self._cwd,
                env=self._environment(),
                start_new_session=True,
            )
        except SettingsError as error:
            return Refused(error.message)
        except OSError as error:
            return NotBegun(f"{self._argv[0]} cannot be started: {error.strerror}")
        return await self._watched(program, heard, msgspec.json.encode(data_of(handover)))

    def _environment(self) -> dict[str, str]:
        own = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
        return own | self._env | {name: secret_value(variable) for name, variable in self._secrets.items()}

    async def _watched(self, program: asyncio.SubprocessTransport, heard: _Heard, given: bytes) -> Outcome:
        stdin = cast("asyncio.WriteTransport", program.get_pipe_transport(_STDIN))
        stdin.write(given)  # it need not read it
        stdin.close()
        try:
            async with asyncio.timeout(self._timeout_s):
                await asyncio.wait({heard.pipes[_STDOUT], heard.too_much}, return_when=asyncio.FIRST_COMPLETED)
                if not heard.too_much.done():
                    await heard.exited
        except TimeoutError:
            return Unknown(f"it did not end within {self._timeout_s:g} s and was stopped")
        finally:
            await _stopped(program, heard)
            if not heard.pipes[_STDIN].done():
                stdin.abort()  # what it was given and did not read
            program.close()
            await asyncio.wait({heard.closed}, timeout=_LAST_S)
        if heard.too_much.done():
            return Unknown(f"it printed more than {OUTPUT_BYTES} bytes and was stopped")
        status, said = program.get_returncode() or 0, heard.last_words
        if status < 0:
            return Unknown(f"it was ended by signal {-status}{said}")
        if status:
            return Failed(f"it failed with exit status {status}", f"exit status {status}{said}")
        try:
            return Returned(json_value(bytes(heard.printed)))
        except UnreadableError as error:
            return Unknown(f"it ended with 0, but what it printed cannot be used: {error}{said}")


class _Heard(asyncio.SubprocessProtocol):
    """What a program says, and its end. All of it is read, so that it never waits for that; not all is kept.

    Not asyncio's own streams: there the end of a program is seen only when nobody holds its pipes any more.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.printed = bytearray()
        self.pipes: list[asyncio.Future[None]] = [loop.create_future() for _ in range(3)]
        """Done when nobody holds the other end of stdin, stdout, stderr."""
        self.too_much: asyncio.Future[None] = loop.create_future()
        """It printed more than OUTPUT_BYTES."""
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._said = b""

    @property
    def last_words(self) -> str:
        """As text that repaints no screen."""
        words = self._said.decode(errors="replace").strip()
        return f"; it said: {visible(words)}" if words else ""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _STDERR:
            self._said = (self._said + data)[-STDERR_KEPT:]
        elif len(self.printed) + len(data) <= OUTPUT_BYTES:
            self.printed += data
        else:
            _settle(self.too_much)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        _settle(self.pipes[fd])

    def process_exited(self) -> None:
        _settle(self.exited)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        _settle(self.closed)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _stopped(program: asyncio.SubprocessTransport, heard: _Heard) -> None:
    """The whole group, children that outlived their parent too; first asked, then ended."""
    if not heard.exited.done():
        _signal(program, signal.SIGTERM)
        await asyncio.wait({heard.exited}, timeout=TERM_S)
    _signal(program, signal.SIGKILL)
    await asyncio.wait({heard.exited}, timeout=TERM_S)
    await asyncio.wait({heard.pipes[_STDERR]}, timeout=_LAST_S)


def _signal(program: asyncio.SubprocessTransport, number: signal.Signals) -> None:
    """The group has the number of its first process, also when that one is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.get_pid(), number)
