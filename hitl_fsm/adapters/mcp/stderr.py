"""What a server's process says on stderr: its last words are in the error when it does not come up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hitl_fsm.model.visible import visible

STDERR_KEPT = 4_096
"""Bytes of it that are kept, the last ones."""
WORDS_CHARS = 500
"""Characters of it in an error."""
WORDS_PAUSE_S = 0.05
"""Seconds that what is still in the pipe has to arrive."""


class LastWords(asyncio.Protocol):
    """`file` is what the process writes to."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self._kept = b""

    def data_received(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-STDERR_KEPT:]

    async def at_last(self) -> str:
        """Its last line that is not empty, once the process has ended."""
        await asyncio.sleep(WORDS_PAUSE_S)
        lines = [line for line in self._kept.decode(errors="replace").splitlines() if line.strip()]
        return visible(lines[-1].strip()[:WORDS_CHARS]) if lines else ""


@asynccontextmanager
async def last_words() -> AsyncIterator[LastWords]:
    """A pipe that is always read, so that no process waits for it."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as file:
        heard = LastWords(file)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: heard, os.fdopen(reading, "rb", buffering=0))
        try:
            yield heard
        finally:
            transport.close()
