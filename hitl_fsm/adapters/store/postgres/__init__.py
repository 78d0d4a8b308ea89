"""PostgreSQL's part of the store. Needs the extra `postgres` (psycopg 3)."""
