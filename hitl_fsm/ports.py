"""What the runtime needs from the world, as Protocols. Adapters implement them; tests have public doubles.

A `Store` does no thinking: it checks version, fence and lease, and writes what the core decided, whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry
from hitl_fsm.model.grant import Grant, GrantRow, GrantUse
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.model.override import Override, OverrideState
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.timer import Timer
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.ports_out import Deliveries
from hitl_fsm.ports_people import PeopleStore
from hitl_fsm.ports_record import RecordStore

LEASE_MS = 60_000
"""How long a claimed run, timer or delivery stays claimed without a sign of life, by the database's clock."""


class Lease(msgspec.Struct, frozen=True):
    """Who advances a run. Each claim raises `fence`; a commit under an older fence is refused."""

    owner: str
    fence: int


class Commit(msgspec.Struct, frozen=True):
    """One step, to be written in one transaction (laws 3 and 10).

    `expected_version` is the run's version before the step (0 creates the run). `fence` is the fence that the writer
    saw; `lease`: `take` raises the fence and claims the run (refused while another live worker holds it), `keep`
    renews what the writer holds, `release` gives it up, `none` neither needs nor touches it.
    Whatever `lease` says, a run that the step leaves paused or ended is held by nobody afterwards.
    A live claim refuses every `take`, that of its own owner too: who holds the run says `keep`.
    `calls` and `requirements` are those that the step changed; `entries` are appended, `records` chained.
    `seen` are requirements, as the log tells them, on which the step relies: each stored row must be exactly that one.
    `timers` are set, `timers_over` deleted, whether or not they are still there.
    `grants` and `overrides` are new. Each of `grant_uses` must still be there to be used, or nothing is written
    (GrantGone).
    """

    run: Run
    expected_version: int
    fence: int
    lease: Literal["take", "keep", "release", "none"]
    owner: str
    entries: tuple[Entry, ...]
    calls: tuple[Call, ...]
    requirements: tuple[Requirement, ...]
    records: tuple[Record, ...]
    seen: tuple[Requirement, ...] = ()
    timers: tuple[Timer, ...] = ()
    timers_over: tuple[Timer, ...] = ()
    grants: tuple[Grant, ...] = ()
    grant_uses: tuple[GrantUse, ...] = ()
    overrides: tuple[Override, ...] = ()


class StoredRun(msgspec.Struct, frozen=True):
    """A run's row and its log, read in one consistent snapshot.

    `state`, `version`, `fence` and `owner` are the row's; `leased_until` is 0 when nobody advances it.
    """

    run_id: str
    state: str
    version: int
    fence: int
    owner: str
    leased_until: int
    entries: tuple[Entry, ...]


class RunRow(msgspec.Struct, frozen=True):
    """A run in a list. `owner` is the worker that claimed it last and did not give it up, "" when nobody holds it."""

    run_id: str
    kind: str
    name: str
    state: str
    user: str
    created_at: int
    updated_at: int
    open_requirements: int
    owner: str = ""
    leased_until: int = 0


class RecordLine(msgspec.Struct, frozen=True):
    """A stored record: its number, its exact bytes, and the leaf hash that was stored beside it (hex)."""

    seq: int
    body: bytes
    leaf: str


class StoreInfo(msgspec.Struct, frozen=True):
    """What `doctor` shows. `schema` is None on a database without one; `keys` is the file of its keys, where one is."""

    url: str
    schema: str | None
    expected_schema: str
    synchronous: str
    runs: int
    open_requirements: int
    records: int
    bytes: int
    keys: str = ""


class StoreHealth(msgspec.Struct, frozen=True):
    """What an operator should know, counted now.

    `stuck` are runs whose worker is gone, `ready` those that nobody took up yet, `unknown_outcomes` the open questions
    about lost calls, `cut_off` the calls that had begun in a run that was cancelled and whose end nobody reported,
    `overdue` the timers that should have fired. `clock` is the database's (ms). `free_bytes` is None where only the
    database's own host knows. `reclaimable` are bytes that a VACUUM would give back. `late_notices` were tried several
    times, and are tried again; `dead_notices` and `dead_dispatches` were given up after their last attempt;
    `unknown_dispatches` were under way when their sender died. `open_overrides` are gates that one person passed alone
    and that nobody else has looked at.
    """

    stuck: int
    ready: int
    unknown_outcomes: int
    cut_off: int
    overdue: int
    clock: int
    free_bytes: int | None
    reclaimable: int
    dead_notices: int = 0
    dead_dispatches: int = 0
    unknown_dispatches: int = 0
    open_overrides: int = 0
    late_notices: int = 0


class AskedBefore(msgspec.Struct, frozen=True):
    """A question in the store, as far as another one is compared with it; `opened_at` in ms."""

    run_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    opened_at: int
    state: RequirementState = RequirementState.OPEN


class Landed(NamedTuple):
    """A record that was committed, at place `seq`; `body` is its own JSON, which commits to its contents."""

    seq: int
    event: str
    body: bytes


Watcher = Callable[[Sequence[Landed]], None]
"""Is told of records, in the context of whoever committed them. It may neither raise nor take long."""


class Store(Deliveries, PeopleStore, RecordStore, Protocol):
    """Durable truth. Every method either does all that it says or raises a StoreError and did nothing."""

    async def commit(self, commit: Commit) -> int:
        """Write one step; returns the run's fence after it.

        Raises `Fenced` when version or fence are not the expected ones (somebody else moved the run), `RunBusy` when
        `take` meets a live lease, `Tampered` when a stored requirement of a call that this step starts is not the
        resolved one with the same digest (law 5), or a grant that passed one of its gates is not stored so;
        `GrantGone` when a grant that the step uses is over, or one that a started call relies on was revoked.
        """
        ...

    async def renew(self, run_id: str, lease: Lease) -> bool:
        """Extend a held lease; False when it is no longer ours."""
        ...

    async def release(self, run_id: str, lease: Lease) -> None:
        """Give a held lease up without a step (the worker was cancelled); nothing if it is no longer ours."""
        ...

    async def load(self, run_id: str, *, after: int = 0) -> StoredRun | None:
        """None: no such run. `after`: leave out the entries up to that seq, for who knows them already."""
        ...

    async def requirement(self, requirement_id: str) -> Requirement | None:
        """The stored row, as last written."""
        ...

    async def requirements(
        self, *, run_id: str | None = None, state: str | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Requirement]:
        """In order of id, which is the order of creation."""
        ...

    async def asked_before(self, agent: str, *, limit: int) -> Sequence[AskedBefore]:
        """The questions of an agent among the newest of all, newest first. Cheap: it looks no further back."""
        ...

    async def open_of(self, agent: str) -> int:
        """How many questions of an agent are open."""
        ...

    async def runs(self, *, state: str | None = None, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        """Newest first; `after` is the last run id of the page before."""
        ...

    async def session_runs(self, of: Run, *, limit: int) -> Sequence[str]:
        """The ids of the done runs of the session of `of`, of the same user, kind and name; newest first."""
        ...

    async def ready(self, *, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        """Runs that could go on and that no live worker holds, oldest first; `after` is the last run id before.

        Those with an `owner` are stuck: their worker died, or its lease ended by the database's clock.
        """
        ...

    async def claim_timers(self, due_by: int, owner: str, *, limit: int = 100) -> Sequence[Timer]:
        """Take timers that are due (ms) and that no live sweeper holds, earliest first.

        The claim only keeps two sweepers from the same work, and ends like a lease. What makes a timer fire once is
        the commit of its event, which deletes it.
        """
        ...

    async def next_timer(self) -> int | None:
        """When the earliest timer is due (ms), whoever holds it; None without timers."""
        ...

    async def grant(self, grant_id: str) -> GrantRow | None:
        """One remembered permission, as it stands."""
        ...

    async def grants(
        self,
        *,
        tool: str | None = None,
        agent: str | None = None,
        active_at: int | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[GrantRow]:
        """In order of id. `active_at` (ms): only those that could still be used then."""
        ...

    async def revoke_grant(self, grant_id: str, record: Record) -> bool:
        """Nothing begins by this grant any more; with `record`. False, and nothing happens, if it was revoked before.

        Who used it before the action began is asked again.
        """
        ...

    async def override(self, requirement_id: str) -> Override | None:
        """The gate that was passed in an emergency, by its question."""
        ...

    async def overrides(
        self, *, state: OverrideState | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Override]:
        """In order of id, which is the order in which the questions were asked."""
        ...

    async def close_override(self, reviewed: Override, record: Record) -> bool:
        """Somebody has looked at it; with `record`. False, and nothing happens, unless it was open and that one."""
        ...

    async def forget(self, run_ids: Sequence[str], record: Record, *, wholly: bool = False) -> int:
        """Delete runs with logs, calls, requirements, timers and deliveries, and append `record`, in one transaction.

        Only done and cancelled runs are forgotten: if any of these is not, nothing happens, and 0 is returned.
        The record keeps its lines and the policy sets stay. Refused beyond a named number of runs at once; RecordHeld
        where a legal hold covers one of them. `wholly`: grants and overrides that came of them go, too.
        """
        ...

    async def ended(self, *, before: int, limit: int = 100) -> Sequence[RunRow]:
        """Done and cancelled runs whose last step is older than `before` (ms), in order of id: the oldest first.

        A cancelled run with a call whose end nobody knows is not among them.
        """
        ...

    async def health(self, now: int) -> StoreHealth:
        """`now` (ms) is the engine's clock, by which timers are due."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Records that belong to no step (views, policy activations)."""
        ...

    async def runs_about(self, subject: str) -> Sequence[str]:
        """Those of a person, those with contents about the person, and those that go on from one; in order of id."""
        ...

    def watch(self, watcher: Watcher) -> None:
        """From now on `watcher` is told of each record that this store object commits, and nobody else."""
        ...

    async def records(self, *, after: int = 0, limit: int = 1000, run_id: str | None = None) -> Sequence[RecordLine]:
        """In order of seq."""
        ...

    async def head(self) -> tuple[int, str]:
        """Number and leaf (hex) of the last record as kept apart from the records: what `verify` should reach."""
        ...

    async def save_policies(self, digest: str, text: str, record: Record) -> bool:
        """Keep a policy set by its digest, with its activation on the record; False when it was kept before."""
        ...

    async def policies(self, digest: str) -> str | None:
        """The text of a policy set that was kept; None: none has this digest."""
        ...

    async def info(self) -> StoreInfo:
        """Where it is and how much is in it, counted now."""
        ...

    async def close(self) -> None:
        """Give up connections and files; what is asked of it afterwards raises a StoreError. A second time is none."""
        ...


class ChatModel(Protocol):
    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """One assistant turn. With `on_text` it streams: each text delta is handed over as it arrives.

        Raises ModelError (`retryable` tells whether another try may help).
        """
        ...


class ModelSource(Protocol):
    """From a model's name and options to something that answers."""

    def __call__(self, name: str, options: Mapping[str, Any]) -> ChatModel: ...


class OpenTimes(Protocol):
    """When a calendar is open, by the zones and holidays that this machine knows."""

    def __call__(self, calendar: Calendar, from_ms: int, need_ms: int) -> tuple[int, ...]:
        """From `from_ms` on, until `need_ms` of open time is covered: begin, end, begin, end … (ms since the epoch).

        They are in order and do not touch. Raises CalendarError where that is beyond named limits of open times and of
        years, or where zone or holidays are not known here.
        """
        ...


class Log(Protocol):
    """The operational log. Never the record: losing a line of it loses nothing that counts."""

    def is_heard(self) -> bool:
        """Whether anybody listens now; who has much to say asks first."""
        ...

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None: ...


class Clock(Protocol):
    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...


class IdSource(Protocol):
    def run_id(self) -> str:
        """New, unique, in order of time, safe in a file name, a URL and a shell."""
        ...

    def salt(self) -> str:
        """Random, hex: what nobody can guess."""
        ...
