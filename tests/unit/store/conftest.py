"""Stores under test. Another backend joins the contract by one more parameter here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """A fresh store of each kind."""
    url = f"sqlite:///{tmp_path}/hitl.db" if request.param == "file" else "sqlite:///:memory:"
    opened = open_store(url)
    assert isinstance(opened, SqlStore)
    yield opened
    await opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "hitl.db"
