"""Several processes that verify one record: each opens the store for itself, and inspects ranges of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from hitl_fsm.audit.verify import Part
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import CannotVerify
from hitl_fsm.ports import Store
from hitl_fsm.runtime.record.verifying import Spread, Task, inspect

_opened: list[Store] = []


def spread_over(app: str | None, store: str | None, jobs: int) -> Spread:
    """Ranges go to whichever process is free; what they found comes in order. `app`, `store`: the options as given."""

    def spread(tasks: Sequence[Task]) -> Iterator[Part]:
        try:
            with ProcessPoolExecutor(jobs, get_context("spawn"), _open, (app, store)) as pool:
                yield from pool.map(_inspect, tasks)
        except BrokenProcessPool as error:
            msg = "a process that verified lines of the record ended before it had"
            raise CannotVerify(msg, help="there may be too little memory; try fewer --jobs") from error

    return spread


def _open(app: str | None, store: str | None) -> None:
    _opened.append(Session(app=app, store=store).open_store())


def _inspect(task: Task) -> Part:
    return inspect(_opened[0], task)
