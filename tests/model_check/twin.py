"""The real store, led along a way of the model: each move is done to it, and must come out as the model says.

So the model's store (who is busy, who is fenced, whose lease can be renewed, what is ready) is held against the real
one, and every step of the protocol against the real one's own checks.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from typing import NamedTuple

import msgspec
import pytest
from core_runs import NOW, PAST, PERSON, TO_COME, Key, event_named, first_steps
from protocol import World

from hitl_fsm.adapters.models import model_source
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.owner import may_be_alive
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.core.decide import Step, decide, due
from hitl_fsm.errors import Fenced, RunBusy
from hitl_fsm.model.effect import RunTools, StartCalls
from hitl_fsm.model.event import Entry
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING
from hitl_fsm.policy.load import load as load_policies
from hitl_fsm.ports import LEASE_MS, Lease
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import claim, commit, load
from hitl_fsm.testing import FrozenClock

RUN_ID = "run_1"
_MOVE = re.compile(r"worker (\d)(?:: | )(.*)")
_CAME_TO_NOTHING = re.compile(r"(.*): (refused, busy|fenced)")


class Copy(NamedTuple):
    """What a worker has of the run, and whether it holds the lease as far as it knows."""

    run: Run
    fence: int
    held: bool


class Body:
    """A worker's process: it is there until it is killed."""

    def __init__(self, place: int, *, same_host: bool) -> None:
        self._process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        host = os.uname().nodename if same_host else "elsewhere"
        self.owner = f"{host}:{self._process.pid}::w{place}"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


class Twin:
    """One run in a store, its workers, and the two clocks: the engine's and the database's."""

    def __init__(self, *, idempotent: bool, expires: bool, same_host: bool) -> None:
        store = open_store("sqlite:///:memory:")
        assert isinstance(store, SqlStore)
        self._clock, self._leases_clock = FrozenClock(NOW), FrozenClock()
        store._clock = lambda _connection: self._leases_clock.now()
        self._store = store
        self._same_host = same_host
        self._bodies = [Body(place, same_host=same_host) for place in range(2)]
        self._copies: dict[int, Copy] = {}
        policies = load_policies({}, _no_file)
        self._parts = Parts(store, policies, model_source, worker="the outside", clock=self._clock)
        run = None
        for entry in first_steps(idempotent=idempotent, expires=expires):
            step = decide(run, entry)
            run_sync(commit(self._parts, run, step, entry, "none", 0))
            run = step.run

    def close(self) -> None:
        for body in self._bodies:
            body.kill()
        run_sync(self._store.close())

    def run_key(self) -> Key:
        """The stored run as the model would write it: no versions, and of times only whether they have come."""
        run = run_sync(load(self._parts, RUN_ID)).run
        now, changed = self._clock.now(), msgspec.structs.replace

        def seen(at: int | None) -> int | None:
            return at if at is None else PAST if at <= now else TO_COME

        questions = tuple(
            changed(
                q,
                opened_at=NOW,
                expires_at=seen(q.expires_at),
                answerable_from=seen(q.answerable_from) or None,
                resolution=q.resolution and changed(q.resolution, at=NOW),
            )
            for q in run.requirements
        )
        calls = tuple(changed(c, started_at=NOW, acting_until=seen(c.acting_until) or PAST) for c in run.calls)
        return msgspec.json.encode(
            changed(run, version=0, requirements=questions, calls=calls, active_ms=0, active_since=None)
        )

    def is_ready(self) -> bool:
        return [row.run_id for row in run_sync(self._store.ready())] == [RUN_ID]

    def do(self, name: str, before: World) -> None:
        """The move to the store, with what must come of it."""
        of_worker = _MOVE.match(name)
        if name == "time passes":
            self._clock.advance(10)
        elif name.endswith(("stands still past its lease", "lease ends")):
            self._leases_clock.advance(LEASE_MS + 1)
        elif of_worker is None:
            self._outside(name.partition(": ")[2], 0)
        elif of_worker[2] == "is killed":
            self._killed(int(of_worker[1]))
        else:
            self._work(int(of_worker[1]), of_worker[2], before)

    def _work(self, me: int, what: str, before: World) -> None:
        nothing = _CAME_TO_NOTHING.fullmatch(what)
        assert "by the core" not in what
        if what == "takes up the run":
            loaded = run_sync(load(self._parts, RUN_ID))
            self._copies[me] = Copy(loaded.run, loaded.fence, held=False)
        elif what.startswith("commits "):
            self._commit(me, what.removeprefix("commits "))
        elif what == "claims the run":
            self._claim(me)
        elif nothing is not None:
            self._refused(me, nothing[1], RunBusy if nothing[2] == "refused, busy" else Fenced)
        elif what.startswith("is fenced"):
            self._refused(me, self._next(me), Fenced, RunBusy)
        elif what == "is through":
            self._let_go(me)
        elif what == "enters the tool":
            assert before.leased or self._renewed(me)
        elif what.startswith("does not begin"):
            assert not self._renewed(me)
            self._let_go(me)
        elif what.startswith("late: "):
            self._outside(what, before.workers[me].attempt)

    def _commit(self, me: int, name: str) -> None:
        copy = self._copies[me]
        step, entry = self._step(copy.run, name)
        fence = run_sync(commit(self._parts_of(me), copy.run, step, entry, "keep" if copy.held else "take", copy.fence))
        self._copies[me] = Copy(step.run, fence, held=step.run.state in RUN_ADVANCING)

    def _claim(self, me: int) -> None:
        copy = self._copies[me]
        fence = run_sync(claim(self._parts_of(me), copy.run, copy.fence))
        self._copies[me] = Copy(copy.run, fence, held=True)

    def _parts_of(self, me: int) -> Parts:
        return replace(self._parts, worker=self._bodies[me].owner)

    def _refused(self, me: int, name: str, *errors: type[Fenced | RunBusy]) -> None:
        """Nothing may be written; a stale copy by which there is nothing to do does no harm either."""
        if name:
            with pytest.raises(errors):
                self._claim(me) if name == "claim" else self._commit(me, name)
        self._let_go(me)

    def _next(self, me: int) -> str:
        """What a worker would commit next; nothing when nothing is due."""
        effects = due(self._copies[me].run)
        match effects[0] if effects else None:
            case None:
                return ""
            case StartCalls():
                return "started"
            case RunTools():
                return "lost, and dead"
            case _:
                return "said" if self._copies[me].held else "claim"

    def _lease(self, me: int) -> Lease:
        return Lease(self._bodies[me].owner, self._copies[me].fence)

    def _renewed(self, me: int) -> bool:
        return run_sync(self._store.renew(RUN_ID, self._lease(me)))

    def _let_go(self, me: int) -> None:
        if self._copies[me].held:
            run_sync(self._store.release(RUN_ID, self._lease(me)))
        del self._copies[me]

    def _outside(self, name: str, attempt: int) -> None:
        loaded = run_sync(load(self._parts, RUN_ID))
        step, entry = self._step(loaded.run, name, attempt)
        run_sync(commit(self._parts, loaded.run, step, entry, "none", loaded.fence))

    def _step(self, run: Run, name: str, attempt: int = 0) -> tuple[Step, Entry]:
        now = self._clock.now()
        entry = Entry(run.version + 1, now, PERSON, event_named(run, name, attempt, now + 1))
        return decide(run, entry), entry

    def _killed(self, me: int) -> None:
        body = self._bodies[me]
        body.kill()
        assert may_be_alive(body.owner) is not self._same_host
        self._bodies[me] = Body(me, same_host=self._same_host)
        self._copies.pop(me, None)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)
