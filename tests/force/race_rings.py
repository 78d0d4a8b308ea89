"""Where racers meet: processes, threads or tasks. Each round they wait for one another, then all begin at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from race_ops import Desk, Note, Orders, Racer
from witness import Witness

from hitl_fsm.runtime.loop import run_sync

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ROUND_S = 120.0
"""The longest that one round may take; a racer that hangs is a failure, not a wait."""


class Ring(Protocol):
    """So many racers on one store."""

    size: int

    def fight(self, orders: Sequence[Orders]) -> list[list[Note]]:
        """One round: the orders of each racer, and what each noted."""
        ...

    def close(self) -> None: ...


class ProcessRing:
    """Processes that are started once; nothing is shared but the store."""

    def __init__(self, url: str, folder: Path, size: int) -> None:
        self.size = size
        gate, self._open_gate = os.pipe()
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}
        self._racers = [
            subprocess.Popen(
                [sys.executable, str(HERE / "race_process.py"), url, str(folder), str(gate)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[gate],
                env=environ,
            )
            for _ in range(size)
        ]
        os.close(gate)

    def fight(self, orders: Sequence[Orders]) -> list[list[Note]]:
        guard = threading.Timer(ROUND_S, self._kill)
        guard.start()
        try:
            for racer, own in zip(self._racers, orders, strict=True):
                assert racer.stdin is not None
                racer.stdin.write(msgspec.json.encode(own) + b"\n")
                racer.stdin.flush()
            assert [self._read(racer) for racer in self._racers] == [b"ready\n"] * self.size
            os.write(self._open_gate, b"." * self.size)  # one write wakes them all
            return [msgspec.json.decode(self._read(racer), type=list[Note]) for racer in self._racers]
        finally:
            guard.cancel()

    def _read(self, racer: subprocess.Popen[bytes]) -> bytes:
        assert racer.stdout is not None
        line = racer.stdout.readline()
        assert line, "a racer died, or took longer than a round may"
        return line

    def _kill(self) -> None:
        for racer in self._racers:
            racer.kill()

    def close(self) -> None:
        os.close(self._open_gate)
        for racer in self._racers:
            racer.communicate(timeout=ROUND_S)


class ThreadRing:
    """Threads of one process, at the same two desks."""

    def __init__(self, url: str, folder: Path, size: int) -> None:
        self.size = size
        witness = Witness(folder / "witness.txt")
        self._desks = Desk(url, witness), Desk(url, witness, late=True)

    def fight(self, orders: Sequence[Orders]) -> list[list[Note]]:
        gate = threading.Barrier(self.size)
        notes: list[list[Note]] = [[] for _ in orders]

        def race(place: int, own: Orders) -> None:
            racer = Racer(*self._desks)
            gate.wait(ROUND_S)
            notes[place] = run_sync(racer.race(own))

        threads = [threading.Thread(target=race, args=(place, own)) for place, own in enumerate(orders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(ROUND_S)
        assert not any(thread.is_alive() for thread in threads), "a racer took longer than a round may"
        return notes

    def close(self) -> None:
        for desk in self._desks:
            desk.engine.close()


class TaskRing:
    """Tasks of one event loop, at the same two desks."""

    def __init__(self, url: str, folder: Path, size: int) -> None:
        self.size = size
        witness = Witness(folder / "witness.txt")
        self._desks = Desk(url, witness), Desk(url, witness, late=True)
        self._runner = asyncio.Runner()

    def fight(self, orders: Sequence[Orders]) -> list[list[Note]]:
        return self._runner.run(self._fight(orders))

    async def _fight(self, orders: Sequence[Orders]) -> list[list[Note]]:
        gate = asyncio.Barrier(self.size)

        async def race(own: Orders) -> list[Note]:
            await gate.wait()
            return await Racer(*self._desks).race(own)

        async with asyncio.timeout(ROUND_S):
            return await asyncio.gather(*(race(own) for own in orders))

    def close(self) -> None:
        self._runner.close()
        for desk in self._desks:
            desk.engine.close()
