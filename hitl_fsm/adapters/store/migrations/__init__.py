"""Alembic's scripts, oldest first, and the little that runs them. Only an older database imports this."""
