"""An append-only file that no store knows of: what really happened, a JSON line each, on disk when `leave` returns."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Witness:
    """Safe among processes and threads: each line is one write at the file's end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def leave(self, **facts: Any) -> None:
        """Write what happened, with the process in which it did."""
        line = json.dumps({"pid": os.getpid(), **facts}, sort_keys=True) + "\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(file, line.encode())
            os.fsync(file)
        finally:
            os.close(file)
        if written != len(line.encode()):
            msg = f"only {written} bytes of a line went into {self._path}"
            raise OSError(msg)

    def lines(self) -> list[dict[str, Any]]:
        """Everything that was left, in order."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]
