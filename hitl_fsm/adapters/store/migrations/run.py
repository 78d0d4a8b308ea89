"""Bring an older database to the current schema, in one transaction. Nobody else may be migrating it."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from hitl_fsm.adapters.store.revisions import HEAD


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings without a file; `connection` is what the scripts work on."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


_alone = threading.Lock()  # Alembic keeps what it works on in globals of the process


def run_scripts(connection: Connection, revision: str = HEAD) -> None:
    """In the transaction of `connection`; one thread of the process at a time, whatever the database."""
    with _alone:
        command.upgrade(config(connection), revision)


def upgrade(engine: Engine, revision: str = HEAD) -> None:
    """All or nothing: a step that fails leaves the database as it was. `begin` of `engine` must cover DDL too."""
    with engine.begin() as started:
        run_scripts(started, revision)
