"""The store behind a store has every method of the port, and hands each argument on as it was given."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from hitl_fsm.ports import Store
from stateful.through import Through

T = TypeVar("T")
SPARED = {"close", "watch"}
"""The database outlives the process, and may be that of others too: a watcher would be told of their records."""
METHODS = sorted(
    name for name, one in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")
)  # those of the Protocols that it is made of, too


class Behind:
    """Keeps what it was asked for; its answer is its own."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def asked(*args: Any, **options: Any) -> Any:
            given = inspect.signature(getattr(Store, name)).bind(None, *args, **options)
            given.apply_defaults()
            self.asked.append((name, {one: value for one, value in given.arguments.items() if one != "self"}))
            return self

        return asked


class Open(Through):
    def __init__(self) -> None:
        self.behind = Behind()

    async def _do(self, what: str, work: Callable[[Store], Awaitable[T]]) -> T:
        assert what
        return await work(self.behind)  # type: ignore[arg-type]


class Anything:
    """As an argument: it has every field."""

    entries = ()

    def __getattr__(self, name: str) -> Any:
        return self


@pytest.mark.parametrize("name", METHODS)
async def test_every_method_of_the_port_goes_through(name: str) -> None:
    asked, passes = inspect.signature(getattr(Store, name)), inspect.signature(getattr(Through, name))
    assert str(passes) == str(asked)
    waits = inspect.iscoroutinefunction(getattr(Store, name))
    assert inspect.iscoroutinefunction(getattr(Through, name)) is waits
    options = {one: Anything() for one in asked.parameters if one != "self"}
    through = Open()
    answer = getattr(through, name)(**options)
    answer = await answer if waits else answer
    if name in SPARED:
        assert (through.behind.asked, answer) == ([], None)
        return
    assert through.behind.asked == [(name, options)]
    assert answer is (None if asked.return_annotation == "None" else through.behind)


def test_there_are_methods_of_deliveries_and_of_people() -> None:
    assert {"commit", "settle_delivery", "delegations", "close"} <= set(METHODS)


def test_there_are_methods_of_contents_of_checkpoints_and_of_raw_rows() -> None:
    assert {"contents", "prune_record", "sign", "newest_checkpoint", "raw_lines", "raw_counts"} <= set(METHODS)
