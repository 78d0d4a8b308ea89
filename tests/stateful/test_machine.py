"""The state machine, in memory and on disk; in the slow suite longer, more often, and on PostgreSQL too."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import _database
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.runtime.loop import loop_is_private
from postgres import Server
from share import WHOLE, share_of
from stateful.machine import Machine

QUICK = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(
    QUICK, max_examples=max(8, share_of(150)), stateful_step_count=50, derandomize=not WHOLE, print_blob=True
)
OVER_THE_WIRE = settings(LONG, max_examples=share_of(8))


class OnDisk(Machine):
    """SQLite in a file, `synchronous=normal`; each process opens it anew."""

    memory = False

    def __init__(self) -> None:
        self.folder = TemporaryDirectory()
        super().__init__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.folder.cleanup()

    def opened(self) -> SqlStore:
        path = Path(self.folder.name) / "hitl.db"
        keys = KeyFile(path.with_suffix(".keys"))
        return SqlStore(_database(f"sqlite:///{path}?synchronous=normal", headroom=0), loop_is_private, keys)


@pytest.mark.parametrize("machine", [Machine, OnDisk])
def test_laws_01_to_15_hold_after_every_step(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Machine, OnDisk])
def test_laws_01_to_15_hold_after_every_step_of_long_histories(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=LONG)


@pytest.mark.slow
def test_laws_01_to_15_hold_after_every_step_on_postgresql(postgres_server: Server) -> None:
    postgres_server.ensure()

    class OnPostgres(Machine):
        memory = False

        def __init__(self) -> None:
            self.database = postgres_server.create_database()
            self.folder = TemporaryDirectory()
            super().__init__()

        def teardown(self) -> None:
            try:
                super().teardown()
            finally:
                postgres_server.drop_database(self.database)
                self.folder.cleanup()

        def opened(self) -> SqlStore:
            keys = KeyFile(Path(self.folder.name) / "the.keys")
            return SqlStore(_database(postgres_server.url(self.database), headroom=0), loop_is_private, keys)

    run_state_machine_as_test(OnPostgres, settings=OVER_THE_WIRE)
