"""Empty databases for the cases of the kill tests."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest


class Database(Protocol):
    """A kind of store that cases run on."""

    def fresh(self, folder: Path) -> str:
        """The URL of an empty database, for one case."""
        ...


class Sqlite:
    """A file that is flushed at every commit, as it is unless told otherwise."""

    def fresh(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'hitl.db'}"


DATABASES = [pytest.param(Sqlite, id="sqlite")]
