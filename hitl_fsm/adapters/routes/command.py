"""A program of this machine carries the call out: JSON on its stdin, JSON on its stdout, no shell between."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

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
"""Seconds between SIGTERM and SIGKILL to a program whose time is over."""
_CHUNK = 64 * 1024
_HARMLESS = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What it has of this process's environment."""


class _TooMuchError(Exception):
    """It printed more than OUTPUT_BYTES."""


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
        try:
            process = await asyncio.create_subprocess_exec(
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
        return await self._watched(process, msgspec.json.encode(data_of(handover)))

    def _environment(self) -> dict[str, str]:
        own = {name: os.environ[name] for name in _HARMLESS if name in os.environ}
        return own | self._env | {name: secret_value(variable) for name, variable in self._secrets.items()}

    async def _watched(self, process: Process, given: bytes) -> Outcome:
        feeding, errors = asyncio.ensure_future(_feed(process, given)), asyncio.ensure_future(_tail(process))
        try:
            async with asyncio.timeout(self._timeout_s):
                printed = await _output(process)
                status = await process.wait()
        except TimeoutError:
            return Unknown(f"it did not end within {self._timeout_s:g} s and was stopped")
        except _TooMuchError:
            return Unknown(f"it printed more than {OUTPUT_BYTES} bytes and was stopped")
        finally:
            feeding.cancel()
            await _stopped(process)
            said = await _said(errors)
        if status < 0:
            return Unknown(f"it was ended by signal {-status}{said}")
        if status:
            return Failed(f"it failed with exit status {status}", f"exit status {status}{said}")
        try:
            return Returned(json_value(printed))
        except UnreadableError as error:
            return Unknown(f"it ended with 0, but what it printed cannot be used: {error}{said}")


async def _feed(process: Process, given: bytes) -> None:
    """A program need not read what it is given."""
    if process.stdin is not None:
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(given)
            await process.stdin.drain()
        process.stdin.close()


async def _output(process: Process) -> bytes:
    kept = bytearray()
    while process.stdout is not None and (chunk := await process.stdout.read(_CHUNK)):
        kept += chunk
        if len(kept) > OUTPUT_BYTES:
            raise _TooMuchError
    return bytes(kept)


async def _tail(process: Process, kept: bytes = b"") -> bytes:
    """Always read, so that the program never waits for it; only its end is kept."""
    with suppress(asyncio.CancelledError):
        while process.stderr is not None and (chunk := await process.stderr.read(_CHUNK)):
            kept = (kept + chunk)[-STDERR_KEPT:]
    return kept


async def _said(errors: asyncio.Future[bytes]) -> str:
    """Its last words, as text that repaints no screen. What still holds the pipe is not waited for."""
    done, _ = await asyncio.wait({errors}, timeout=0.2)
    if not done:
        errors.cancel()
    words = (await errors).decode(errors="replace").strip()
    return f"; it said: {visible(words)}" if words else ""


async def _stopped(process: Process) -> None:
    """The whole group, children that outlived their parent too; first asked, then ended."""
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(TERM_S):
                await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, number: signal.Signals) -> None:
    """The group has the number of its first process, also when that one is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
