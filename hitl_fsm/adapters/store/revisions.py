"""The schema's versions, oldest first, known without importing Alembic (a test holds them against its scripts)."""

from __future__ import annotations

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
HEAD = REVISIONS[-1]
