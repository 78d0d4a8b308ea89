"""The types of columns in the revisions, each as its database has it. Frozen, as they are."""

from __future__ import annotations

import sqlalchemy as sa

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits; SQLite's INTEGER has them, and must be called so to be the row's own id."""

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Compared and sorted by its bytes."""

BYTES = sa.LargeBinary()


def key() -> sa.Column[int]:
    """A row's own number, given by the database."""
    return sa.Column("id", NUMBER, sa.Identity(), primary_key=True)
