"""What costs tell: a loop over pairs is found, and a busy machine is not."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable

import pytest

from costs import HOPELESS, TRIES, calls, soon


def once_each(count: int) -> Callable[[], int]:
    return lambda: sum(abs(number) for number in range(count))


def each_pair(count: int) -> Callable[[], int]:
    return lambda: sum(abs(one - other) for one in range(count) for other in range(count))


def test_the_calls_of_a_loop_grow_with_it_and_those_of_a_loop_over_pairs_with_its_square() -> None:
    assert 1.9 < calls(once_each(2000)) / calls(once_each(1000)) < 2.1
    assert 3.8 < calls(each_pair(100)) / calls(each_pair(50)) < 4.2


def test_calls_of_python_and_of_c_are_counted_and_nothing_else() -> None:
    def nothing() -> None: ...

    assert calls(nothing) == 1
    assert calls(lambda: nothing()) == 2  # noqa: PLW0108 - the lambda is the second
    assert calls(lambda: [abs(1), abs(2)]) == 3
    assert [calls(once_each(500)) for _ in range(3)] == [calls(once_each(500))] * 3


def test_what_counted_before_counts_again_after_an_error_too() -> None:
    before, seen = sys.getprofile(), []
    sys.setprofile(lambda _frame, event, _of: seen.append(event))
    try:
        mine = sys.getprofile()
        with pytest.raises(ZeroDivisionError):
            calls(lambda: 1 // 0)
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)


def test_what_is_soon_gives_its_result_and_a_loop_over_pairs_is_not() -> None:
    assert soon(once_each(1000), limit_s=1) == 499_500
    with pytest.raises(AssertionError, match=r"s of CPU at best in 1 tries, and 0\.01 s is the limit"):
        soon(each_pair(3000), limit_s=0.01)


def test_the_best_of_some_tries_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert soon(taking(monkeypatch, [3, 2, 0.5]), limit_s=1) == 3
    with pytest.raises(AssertionError, match=f"took 2 s of CPU at best in {TRIES} tries"):
        soon(taking(monkeypatch, [5, 4, 3, 2, 0.5]), limit_s=1)
    with pytest.raises(AssertionError, match="at best in 1 tries"):
        soon(taking(monkeypatch, [HOPELESS + 1, 0.5]), limit_s=1)


def taking(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> Callable[[], int]:
    """Work that takes so long, try for try, and says which try it is."""
    clock, tries = [0.0], [0]

    def work() -> int:
        clock[0] += seconds[tries[0]]
        tries[0] += 1
        return tries[0]

    monkeypatch.setattr(time, "thread_time", lambda: clock[0])
    return work


def test_what_other_threads_do_and_waiting_are_not_counted() -> None:
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        soon(lambda: time.sleep(0.5), limit_s=0.4)
    finally:
        over.set()
        thread.join()


def test_the_collector_rests_meanwhile_and_only_meanwhile() -> None:
    assert gc.isenabled()
    assert soon(gc.isenabled, limit_s=1) is False
    assert gc.isenabled()
    seen: list[bool] = []
    calls(lambda: seen.append(gc.isenabled()))
    assert (seen, gc.isenabled()) == ([False], True)
