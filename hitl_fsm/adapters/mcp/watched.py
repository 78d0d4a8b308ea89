"""A transport whose end is told at once, so that no call is sent into a session that is dead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self


class Watched:
    """`lost` is called when the messages end."""

    def __init__(self, inner: AbstractAsyncContextManager[Any], lost: Callable[[], None]) -> None:
        self._inner = inner
        self._lost = lost

    async def __aenter__(self) -> tuple[Any, Any]:
        read, write = await self._inner.__aenter__()
        return _Ending(read, self._lost), write

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, where)


class _Ending:
    """The stream of messages; what else it can do is the inner one's."""

    def __init__(self, inner: Any, lost: Callable[[], None]) -> None:
        self._inner = inner
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> Any:
        return await self._inner.__aexit__(kind, error, where)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except BaseException:
            self._lost()
            raise
