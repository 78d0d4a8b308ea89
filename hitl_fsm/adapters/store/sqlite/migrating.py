"""SQLite's connection as Alembic needs it. Importing this costs some 0.4 s: only an older database does."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from hitl_fsm.adapters.store.migrations import run
from hitl_fsm.adapters.store.revisions import HEAD


def upgrade(connection: sqlite3.Connection, revision: str = HEAD) -> None:
    """All or nothing. Call it with the file lock held. Raises the driver's own errors."""
    try:
        run.upgrade(engine(connection), revision)
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise


def engine(connection: sqlite3.Connection) -> Engine:
    """For this one connection, which it never closes."""
    made = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(made, "begin")
    def _begin(started: Connection) -> None:
        # The driver is in autocommit mode and would otherwise commit each DDL statement by itself.
        started.exec_driver_sql("BEGIN IMMEDIATE")

    return made
