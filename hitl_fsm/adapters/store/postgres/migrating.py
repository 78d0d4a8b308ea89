"""Bring an older database to the current schema, in one transaction that no other process's can overlap."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.migrations.run import run_scripts
from hitl_fsm.adapters.store.postgres import terms
from hitl_fsm.adapters.store.postgres.location import Location
from hitl_fsm.adapters.store.postgres.problems import explain
from hitl_fsm.adapters.store.revisions import HEAD


def upgrade(location: Location, revision: str = HEAD) -> None:
    """All or nothing: a step that fails leaves the database as it was. The schema must be there, its tables not."""
    try:
        _upgrade(location, revision)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise explain(error.orig, location.shown) from error
        raise


def engine(location: Location) -> Engine:
    """Each of its transactions covers DDL too."""
    parameters: dict[str, Any] = dict(location.parameters)

    def creator() -> psycopg.Connection[Any]:
        raw = psycopg.connect(**parameters, autocommit=True)
        raw.execute(terms.session(location).encode())
        raw.autocommit = False
        return raw

    return create_engine("postgresql+psycopg://", creator=creator, poolclass=NullPool)


def _upgrade(location: Location, revision: str) -> None:
    with engine(location).begin() as started:
        started.exec_driver_sql(terms.lock(location.schema))
        stamped = started.exec_driver_sql(terms.STAMPED).scalar()
        version = started.exec_driver_sql(sql.VERSION).scalar() if stamped else ""
        if terms.is_older(str(version or ""), location):  # else another process was first
            run_scripts(started, revision)
