"""One racer as a process: `python race_process.py URL FOLDER GATE`, one line of orders in, one line of notes out."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
from race_ops import Desk, Orders, Racer
from witness import Witness

from hitl_fsm.runtime.loop import run_sync


def main(url: str, folder: str, gate: int) -> None:
    witness = Witness(Path(folder) / "witness.txt")
    desks = Desk(url, witness), Desk(url, witness, late=True)
    racer = Racer(*desks)
    for line in sys.stdin.buffer:
        orders = msgspec.json.decode(line, type=Orders)
        _say(b"ready")
        os.read(gate, 1)
        _say(msgspec.json.encode(run_sync(racer.race(orders))))
    for desk in desks:
        desk.engine.close()


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
