"""Which kind of database a test runs on, when it is not each of them in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)


def on_both(several: Sequence[T], on_postgres: Sequence[T]) -> list[tuple[str, T]]:
    """Databases and plans: all of them on SQLite, where a worker costs least."""
    return [("sqlite", one) for one in several] + [("postgres", one) for one in on_postgres]
