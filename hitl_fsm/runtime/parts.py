"""What an engine is made of, handed to it by the composition root (`connect.py`)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hitl_fsm.audit.questions.question import Answer, Put
from hitl_fsm.core.who import Persons, itself
from hitl_fsm.errors import CalendarError, PolicyError, SettingsError
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.people import Directory
from hitl_fsm.ports import Clock, IdSource, Log, ModelSource, OpenTimes, Store
from hitl_fsm.ports_out import Anchor, Notifier, Route
from hitl_fsm.runtime.known import KnownRuns
from hitl_fsm.runtime.outgoing.copies import Copies
from hitl_fsm.runtime.outgoing.traces import Traces
from hitl_fsm.runtime.people.crowd import Crowd

ActorLookup = Callable[[str], Actor | None]
Default = Literal["deny", "confirm"]


class People(Protocol):
    """The directory of the moment; `refused` is why changed files are not in force, as long as they are not."""

    @property
    def refused(self) -> PolicyError | None:
        """None: what is there is in force."""
        ...

    def __call__(self) -> Directory:
        """Who is who by now."""
        ...


"""Who is who, as it is now."""
PolicySource = Callable[[], PolicySet]
Questions = Callable[[Store, Put], Awaitable[Answer]]
"""Reads the policies where they are written; PolicyError when they do not load."""

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 10
_RANDOM_CHARS = 8
_BITS = 5
_SALT_BYTES = 16


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class TimeOrderedIds:
    """`run_` + 48 bits of time + 40 random bits, in lower-case Crockford base 32, which has no look-alike letters.

    They come in order of creation, so that a database appends.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def salt(self) -> str:
        """128 random bits, hex."""
        return secrets.token_hex(_SALT_BYTES)

    def run_id(self) -> str:
        number = (self._clock.now() << (_BITS * _RANDOM_CHARS)) | secrets.randbits(_BITS * _RANDOM_CHARS)
        chars = [_CROCKFORD[(number >> shift) & 31] for shift in range(0, _BITS * (_TIME_CHARS + _RANDOM_CHARS), _BITS)]
        return "run_" + "".join(reversed(chars))


def actor_lookup(known: ActorLookup | Mapping[str, Sequence[str]] | None) -> ActorLookup:
    """A mapping of names to roles, or a callable, as a lookup; a name that nobody knows has no roles."""
    if known is None:
        return lambda name: Actor(id=name)
    if callable(known):
        return known

    return lambda name: Actor(id=name, roles=_roles(known.get(name, ())))


def people_lookup(people: People, clock: Clock) -> ActorLookup:
    """Everybody as the directory knows them at that instant."""
    return lambda name: people().actor(name, clock.now())


def _roles(given: Any) -> Any:
    """One text would come apart into letters: it stays as it is, and the engine refuses it."""
    return given if isinstance(given, str) else tuple(given)


class Silent:
    """A log that nobody reads."""

    def is_heard(self) -> bool:
        return False

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        """Nothing."""


def _nobody_knows(worker: str) -> bool:
    """Whether a worker may be alive, where nothing tells."""
    del worker
    return True


def _nobody_tells(calendar: Calendar, from_ms: int, need_ms: int) -> tuple[int, ...]:
    """Where nobody knows zones and holidays."""
    del from_ms, need_ms
    msg = f"this engine has nobody to tell when the calendar {calendar.name!r} is open"
    raise CalendarError(msg, help="build it with `hitl_fsm.Engine`, or give its Parts `open_times`")


async def _nobody_asks(store: Store, put: Put) -> Answer:
    """Where nothing makes facts of the record."""
    del store
    msg = f"this engine has nobody to put {put.question.name!r} to the record"
    raise SettingsError(msg, help="build it with `hitl_fsm.Engine`, or give its Parts `questions`")


@dataclass(frozen=True, slots=True)
class Parts:
    """Ports and policies; `worker` names who claims runs, `default` judges a tool that no policy covers.

    `routes`: the ways out that this process serves, by the names that policies use.
    `person` tells whose an actor's id is, where one person has several. `crowd` bounds what one agent asks.
    `people` is the directory behind `actors` and `person`, where there is one.
    `may_be_alive`: False for a worker that is certainly gone. `known` is memory, never truth.
    `open_times` tells when a calendar of `policies` is open.
    `channels` are told what concerns them, with links under `base_url`; `looked` is how far the record was read for
    each, and like `known` it is memory. `questions` puts questions to the record.
    `anchors` keep signed checkpoints beyond the store.
    `copies` are second copies of the record, which what people allow waits for. `traces` tells of runs as they go on.
    `retention_ms`: nothing that is younger is pruned.
    `source`: where `policies` came from, read again every `reload_s` seconds at most (None: only when asked to).
    """

    store: Store
    policies: PolicySet
    models: ModelSource
    worker: str
    actors: ActorLookup = field(default_factory=lambda: actor_lookup(None))
    clock: Clock = field(default_factory=SystemClock)
    default: Default = "deny"
    log: Log = field(default_factory=Silent)
    may_be_alive: Callable[[str], bool] = _nobody_knows
    known: KnownRuns = field(default_factory=KnownRuns)
    person: Persons = itself
    people: People | None = None
    crowd: Crowd = field(default_factory=Crowd)
    routes: Mapping[str, Route] = field(default_factory=dict)
    source: PolicySource | None = None
    reload_s: float | None = None
    open_times: OpenTimes = _nobody_tells
    channels: tuple[Notifier, ...] = ()
    base_url: str = ""
    looked: dict[str, int] = field(default_factory=dict)
    questions: Questions = _nobody_asks
    copies: Copies | None = None
    traces: Traces | None = None
    anchors: tuple[Anchor, ...] = ()
    retention_ms: int | None = None

    @property
    def ids(self) -> IdSource:
        return TimeOrderedIds(self.clock)

    def calendars(self, name: str, from_ms: int, need_ms: int) -> tuple[int, ...]:
        """When the calendar is open, as `core.hours.after` takes it; never raises for what a calendar is.

        Where that cannot be told it is empty, so that all hours count: the question ends earlier, which only denies or
        asks the next. The operational log has the reason, as an error.
        """
        calendar = self.policies.calendars.get(name)
        why = "the policies in force have no such calendar"
        if calendar is not None:
            try:
                return self.open_times(calendar, from_ms, need_ms)
            except CalendarError as error:
                why = str(error)
        self.log("calendar_failed", level="error", calendar=name, counted="all hours", error=why)
        return ()
