"""A process of its own that reads many mutated files, and a parent that sees it die.

Native code can end a process, and can be deaf to signals: the child writes which file it is at before each, a watchdog
thread ends it when one takes too long, and its memory is limited.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costs import soon
from fuzz.drive import drive
from fuzz.mutate import mutated
from fuzz.seeds import ROOT

MAX_CPU_S = 5.0
"""Of one file; on a quiet machine few take more than 0.1."""
MAX_WALL_S = 300.0
"""After it, a file hangs: the child is ended."""
MAX_ADDRESS_BYTES = 4 * 1024**3
MAX_PEAK_MB = 1024
MAX_GROWTH_MB = 256
"""Of the peak, by one file."""
MAX_DEATHS = 50
COMMAND = (sys.executable, "-m", "fuzz")


@dataclass(slots=True)
class Told:
    """What came of a range of files. `problems` are (number, what)."""

    files: int = 0
    loaded: int = 0
    judged: int = 0
    slowest_ms: int = 0
    slowest: int = 0
    peak_mb: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Told) -> None:
        self.files += other.files
        self.loaded += other.loaded
        self.judged += other.judged
        if other.slowest_ms > self.slowest_ms:
            self.slowest_ms, self.slowest = other.slowest_ms, other.slowest
        self.peak_mb = max(self.peak_mb, other.peak_mb)
        self.codes += other.codes
        self.problems += other.problems


def one(number: int) -> tuple[Any, str | None]:
    """The outcome of one file, and what must hold and did not."""
    try:
        return drive(number, mutated(number)), None
    except Exception as error:  # noqa: BLE001 - whatever is raised is what was looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:300]
        return None, f"{type(error).__name__}: {text} ({Path(frame.filename).name}:{frame.lineno} {frame.name})"


def _soon(number: int) -> tuple[Any, str | None]:
    try:
        return soon(lambda: one(number), MAX_CPU_S)
    except AssertionError as late:
        return None, str(late)


def child(first: int, last: int, where: Path) -> None:
    """Read these files; after each, what is known so far can be read from the files at `where`."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_BYTES, MAX_ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    told = Told()
    at = os.open(where / "at", os.O_CREAT | os.O_RDWR, 0o600)
    one(0)  # what is loaded once and kept is not the first file's own
    for number in range(first, last + 1):
        os.pwrite(at, b"%20d" % number, 0)
        faulthandler.dump_traceback_later(MAX_WALL_S, exit=True)
        peak, start = _peak_mb(), time.thread_time()
        outcome, problem = _soon(number)
        seconds = time.thread_time() - start
        faulthandler.cancel_dump_traceback_later()
        told.files += 1
        told.peak_mb = _peak_mb()
        if problem is None and (told.peak_mb - peak > MAX_GROWTH_MB or told.peak_mb > MAX_PEAK_MB > peak):
            problem = f"took memory: {peak} MB became {told.peak_mb} MB"
        if problem is not None:
            told.problems.append((number, problem))
        if outcome is not None:
            told.loaded += outcome.loaded
            told.judged += outcome.judged
            told.codes.update(outcome.codes)
        if seconds * 1000 > told.slowest_ms:
            told.slowest_ms, told.slowest = int(seconds * 1000), number
        if problem is not None or number == last or number % 100 == 0:
            _write(where / "told", told)


def _write(path: Path, told: Told) -> None:
    fields = {name: getattr(told, name) for name in Told.__slots__}
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(fields), encoding="utf-8")
    beside.replace(path)


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class Running:
    """A range in a child process, and in another one from the next file on when that one dies."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._begin(first)

    def _begin(self, first: int) -> None:
        self._begun = first
        self._where = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._child = subprocess.Popen(
            [*COMMAND, "--child", str(first), str(self._last), self._where.name],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "tests"), str(ROOT))), "PYTHONHASHSEED": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def result(self) -> Told:
        """Wait for all of it."""
        whole = Told()
        for _ in range(MAX_DEATHS):
            _, complaint = self._child.communicate()
            where, code = Path(self._where.name), self._child.returncode
            whole.add(_read(where / "told"))
            if code == 0:
                break
            at = self._begun - 1
            with contextlib.suppress(OSError, ValueError):
                at = int((where / "at").read_text())
            whole.problems.append((at, _death(code, complaint)))
            if at >= self._last or at < self._begun:
                break
            self._where.cleanup()
            self._begin(at + 1)
        self._where.cleanup()
        return whole


def _read(path: Path) -> Told:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Told()
    problems = [(number, what) for number, what in fields.pop("problems")]
    return Told(**{**fields, "codes": Counter(fields["codes"])}, problems=problems)


def _death(code: int, complaint: str) -> str:
    what = f"signal {-code}" if code < 0 else "a hang" if "Timeout" in complaint else f"exit code {code}"
    places = re.findall(r'File "[^"]*/([^"/]+)", line (\d+) in (\w+)', complaint)
    return f"ended the process ({what}): " + (
        " < ".join(f"{f}:{n} {name}" for f, n, name in places[:4]) or complaint[-300:]
    )


def run(first: int, last: int, processes: int = 1) -> Told:
    """All files from `first` to `last`, in so many processes."""
    each = -(-(last - first + 1) // processes)
    parts = [(start, min(start + each - 1, last)) for start in range(first, last + 1, each)]
    whole = Told()
    for running in [Running(*part) for part in parts]:
        whole.add(running.result())
    return whole
