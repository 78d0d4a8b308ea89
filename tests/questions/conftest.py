"""The month that these tests ask about, made once; nobody writes to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_fsm.adapters.store import open_store
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from reviewed_month import Month, make


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    made = make(tmp_path_factory.mktemp("month"))
    yield made
    made.engine.close()


@pytest.fixture
def copied(month: Month, tmp_path: Path) -> Path:
    """A copy of the store that a test may spoil."""
    run_sync(month.engine.store.head())
    for file in month.folder.glob("month.db*"):
        if not file.name.endswith((".lock", ".questions")) and ".questions" not in file.name:
            shutil.copy(file, tmp_path / file.name)
    return tmp_path / "month.db"


@pytest.fixture
def store(copied: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{copied}")
    yield opened
    run_sync(opened.close())
