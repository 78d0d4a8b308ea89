"""Try mutants inside one pytest session: collected once, each mutant in a fork of it, until a test fails.

Nothing on disk is changed: a mutant is put into the child's functions, in place of their code.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import zip_longest
from types import CodeType, FrameType, FunctionType
from typing import NamedTuple, NoReturn

import pytest
from mutants import ROOT, TARGETS, Mutant

AT_ONCE = 2
SLOWEST_S = 1.5
"""Tests that take longer are left out, and those that fail without any mutant."""
HANGS_S = 10
"""A test that takes that long under a mutant hangs: the mutant is found, too, and counts as killed."""
_EVERYWHERE = ("statements.py", "machine.py")
"""Constants, and values that are computed once: what needs them does not enter there."""
_SURVIVED, _KILLED, _NOT_MADE = 0, 1, 3
_CACHED = type(lru_cache(len))
_FILES = {str(ROOT / path): path for path in TARGETS}


class Tried(NamedTuple):
    """`by`: the test that failed, "time" if they hung, "" of a survivor. `tests`: how many reach the place."""

    mutant: Mutant
    by: str
    tests: int


class Trial:
    """A plugin that runs the collected tests once as they are, then under each mutant."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.mutants = mutants
        self.tried: list[Tried] = []
        self.not_made: list[Mutant] = []
        self.left_out: list[str] = []
        self._seconds: dict[str, float] = {}
        self._reach: dict[str, set[str]] = {}
        self._report = -1
        self._running = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._look(session)
        running: dict[int, tuple[Mutant, int, int]] = {}
        for mutant in self.mutants:
            if len(running) == AT_ONCE:
                self._collect(running)
            items = self._items(session, mutant)
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reading)
                self._report = writing
                _run_mutated(session, items, mutant)
            os.close(writing)
            running[child] = mutant, reading, len(items)
        while running:
            self._collect(running)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a child: the first failure ends it."""
        if self._running:
            self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
            if report.failed:
                self.left_out.append(report.nodeid)
        elif report.failed:
            os.write(self._report, report.nodeid.encode())
            os._exit(_KILLED)

    # -- the tests as they are

    def _look(self, session: pytest.Session) -> None:
        """Which tests pass, how long they take, and which functions each reaches: told by a child of its own."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._look_here(session)
            with os.fdopen(writing, "w") as told:
                json.dump(
                    [self._seconds, {test: sorted(reach) for test, reach in self._reach.items()}, self.left_out], told
                )
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as telling:
            self._seconds, reach, self.left_out = json.load(telling)
        os.waitpid(child, 0)
        self._reach = {test: set(functions) for test, functions in reach.items()}
        slow = [test for test, seconds in self._seconds.items() if seconds > SLOWEST_S]
        self.left_out = sorted({*self.left_out, *slow})

    def _look_here(self, session: pytest.Session) -> None:
        _say_nothing(session)

        def entered(frame: FrameType, _event: str, _value: object) -> None:
            path = _FILES.get(frame.f_code.co_filename)
            if path is not None:
                self._reach[self._running].add(f"{path} {_plain(frame.f_code)}")

        for item, following in _with_next(session.items):
            self._running = item.nodeid
            self._reach[item.nodeid] = set()
            threading.settrace(entered)
            sys.settrace(entered)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    # -- one mutant

    def _items(self, session: pytest.Session, mutant: Mutant) -> list[pytest.Item]:
        """The tests that enter the function (of a module's own lines: the module), those first that found others."""
        left_out = set(self.left_out)
        place = f"{mutant.path} {mutant.function}"

        def reaches(test: str) -> bool:
            if mutant.path.endswith(_EVERYWHERE):
                return True
            entered = self._reach[test]
            if not mutant.function:
                return any(one.startswith(place) for one in entered)
            return any(place == one or place.startswith(f"{one}.") for one in entered)  # also what is made inside it

        items = [item for item in session.items if item.nodeid not in left_out and reaches(item.nodeid)]
        here = Counter(each.by for each in self.tried if each.mutant.place == mutant.place)
        found = Counter(each.by for each in self.tried)
        return sorted(items, key=lambda item: (-here[item.nodeid], -found[item.nodeid], self._seconds[item.nodeid]))

    def _collect(self, running: dict[int, tuple[Mutant, int, int]]) -> None:
        child, result = os.wait()
        mutant, reading, tests = running.pop(child)
        with os.fdopen(reading) as telling:
            by = telling.read()
        code = os.waitstatus_to_exitcode(result)
        if code == _NOT_MADE:
            self.not_made.append(mutant)
            return
        self.tried.append(Tried(mutant, "" if code == _SURVIVED else by or "time", tests))
        sys.__stderr__.write(f"{len(self.tried):5} {self.tried[-1].by or 'SURVIVED'} {mutant.key}\n")


def _run_mutated(session: pytest.Session, items: list[pytest.Item], mutant: Mutant) -> NoReturn:
    code = _NOT_MADE
    try:
        _say_nothing(session)
        put(mutant)
        code = _KILLED
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for item, following in _with_next(items):
            signal.alarm(HANGS_S)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        code = _SURVIVED
    finally:
        os._exit(code)


def put(mutant: Mutant) -> None:
    """Give the loaded module the mutant's code: its functions theirs, its constants their values."""
    file = str(ROOT / mutant.path)
    codes = {code.co_qualname: code for code in _codes(mutant.code)}
    if mutant.function:
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__code__.co_filename == file:
                found.__code__ = codes[found.__code__.co_qualname]
            elif isinstance(found, _CACHED) and found.__module__.startswith("hitl_fsm."):
                found.cache_clear()
        return
    name = mutant.path.removesuffix(".py").replace("/", ".")
    fresh: dict[str, object] = {"__name__": name}
    exec(mutant.code, fresh)
    loaded = vars(sys.modules[name])
    loaded.update(
        {key: value for key, value in fresh.items() if isinstance(value, str | int | dict | frozenset | tuple)}
    )


def _codes(code: CodeType) -> Iterable[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _plain(code: CodeType) -> str:
    """The function that it is, or is part of."""
    return code.co_qualname.split(".<locals>")[0]


def _with_next(items: Sequence[pytest.Item]) -> Iterable[tuple[pytest.Item, pytest.Item | None]]:
    return zip_longest(items, items[1:])


def _say_nothing(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    session.config.pluginmanager.unregister(reporter)
