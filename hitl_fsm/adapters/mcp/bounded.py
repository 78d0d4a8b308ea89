"""What a server answers over HTTP, read up to a bound: nobody's words fill this process's memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import cast

import httpx2

ANSWER_BYTES = 64 * 1024 * 1024
"""Bytes of one answer over HTTP, as they come."""


class Bounded(httpx2.AsyncByteStream):
    """The body of `response`. When there is more of it, `too_long` is called, and reading it is an error."""

    def __init__(self, response: httpx2.Response, too_long: Callable[[], None]) -> None:
        self._inner = cast("httpx2.AsyncByteStream", response.stream)
        self._too_long = too_long

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._inner:
            size += len(part)
            if size > ANSWER_BYTES:
                self._too_long()
                msg = f"the answer has more than {ANSWER_BYTES} bytes"
                raise httpx2.StreamError(msg)
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
