"""Bring an older database to the current schema, in one transaction. Call it with the file lock held."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from hitl_fsm.adapters.store.revisions import HEAD


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings without a file; `connection` is what the scripts work on."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


def upgrade(connection: sqlite3.Connection, revision: str = HEAD) -> None:
    """All or nothing: a step that fails leaves the database as it was."""
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def _begin(started: Connection) -> None:
        # The driver is in autocommit mode and would otherwise commit each DDL statement by itself.
        started.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as started:
        command.upgrade(config(started), revision)
