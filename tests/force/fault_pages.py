"""A store with a run of every kind, its files damaged at some bytes, and all that somebody may do with it then."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hitl_fsm.adapters.keys import SUFFIX
from hitl_fsm.errors import HitlError
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5, memo="the memo of a payment")), calls(call("note", text="after it"))]
RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: confirm}"
EACH = 4
"""Runs of each kind: enough that their rows fill pages of their own."""
NO_END_S = 120.0
"""One thing that somebody does takes milliseconds."""
FLIPPED = 8
"""Bytes of a page that are changed."""


@dataclass
class Damaged:
    """A copy of the store, and what is allowed to happen in it: payments of runs that somebody had said yes to."""

    house: House
    runs: list[str]
    confirmed: list[str]


class Original:
    """Made once: runs that wait, that somebody confirmed, rejected, cancelled, finished. As files, WAL included."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        house = House(folder)
        agent = house.agent(house.engine(RULES), SCRIPT)
        self.runs: dict[str, list[str]] = {}
        for kind in ("waiting", "confirmed", "rejected", "cancelled", "done"):
            for _ in range(EACH):
                run = agent.run("go", user="alice")
                self.runs.setdefault(kind, []).append(run.run_id)
                (question,) = run.active_requirements
                match kind:
                    case "confirmed":
                        question.confirm()
                    case "rejected":
                        question.reject(note="no")
                    case "cancelled":
                        agent.engine.cancel(run.run_id)
                    case "done":
                        question.confirm()
                        agent.continue_run(run).active_requirements[0].reject()
                        agent.continue_run(run)
        (folder / "open").mkdir()
        for end in ("", "-wal"):  # as a power cut leaves it: the last steps are in the log beside the database
            shutil.copyfile(folder / f"hitl.db{end}", folder / "open" / f"hitl.db{end}")
        agent.engine.close()

    def file(self, end: str) -> Path:
        """`""`: the database after everybody had closed it. `-wal`: the log beside one that nobody closed."""
        return self.folder / ("open" if end else "") / f"hitl.db{end}"

    @contextmanager
    def copy(self, folder: Path, end: str, at: list[int], flip: Callable[[], int]) -> Iterator[Damaged]:
        """With other bytes at these places of the database, or of its log."""
        folder.mkdir()
        for path in {self.file(end).with_name("hitl.db"), self.file(end)}:
            shutil.copyfile(path, folder / path.name)
        shutil.copy(self.folder / f"hitl.db{SUFFIX}", folder)
        target = folder / f"hitl.db{end}"
        body = bytearray(target.read_bytes())
        for place in at:
            body[place] ^= flip()
        target.write_bytes(body)
        house = House(folder)
        yield Damaged(house, [one for several in self.runs.values() for one in several], list(self.runs["confirmed"]))
        for engine in house.engines:
            engine.close()
        shutil.rmtree(folder)


class NoEndError(BaseException):
    """It went on and on."""


@contextmanager
def bounded(seconds: float = NO_END_S) -> Iterator[None]:
    """NoEndError after that time."""

    def ring(*_: object) -> None:
        raise NoEndError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def all_that_one_may_do(damaged: Damaged) -> list[str]:
    """Look, answer, continue, sweep, verify; only errors in words may come. What came otherwise, or never ended."""
    house = damaged.house
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    wrong: list[str] = []

    def attempt(what: str, action: Callable[[], object]) -> None:
        try:
            with bounded():
                action()
        except NoEndError:
            wrong.append(f"{what}: it did not end")
        except HitlError as error:
            if not (error.message and error.help):
                wrong.append(f"{what}: {error!r} says too little")
        except Exception as error:  # noqa: BLE001 - this is what the test looks for
            wrong.append(f"{what}: {type(error).__name__}: {error}")

    def confirm_one() -> None:
        for question in engine.inbox.list():
            if question.tool == "pay":
                run = engine.inbox.get(question.requirement_id).confirm(by="alice")
                damaged.confirmed.append(run.run_id)
                return

    attempt("verify", engine.audit.verify)
    attempt("inbox", engine.inbox.list)
    attempt("runs", engine.runs.list)
    attempt("confirm", confirm_one)
    attempt("sweep", engine.sweep)
    attempt("continue all", engine.continue_ready)
    for run_id in damaged.runs:
        attempt("show", partial(engine.runs.get, run_id))
        attempt("timeline", partial(engine.runs.timeline, run_id))
        attempt("continue", partial(agent.continue_run, run_id=run_id))
    attempt("another", lambda: agent.run("another", user="alice"))
    attempt("verify again", engine.audit.verify)
    return wrong


def unjustified(damaged: Damaged) -> list[str]:
    """Payments beyond those that somebody said yes to, or of something else; notes that nobody allowed."""
    effects = damaged.house.effects
    paid = [effect for effect in effects if effect[0] == "pay"]
    found = [f"{effect} was allowed by nobody" for effect in effects if effect[0] != "pay"]
    if len(paid) > len(damaged.confirmed):
        found.append(f"{len(paid)} payments, and {len(damaged.confirmed)} times yes")
    return found + [f"{effect} is not what was approved" for effect in paid if effect[1:3] != ("bob", 5.0)]
