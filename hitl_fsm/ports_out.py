"""Protocols of the ways out of an engine, beside `ports`: to routes, to channels, and what a store keeps of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from hitl_fsm.audit.export.span import Span
from hitl_fsm.model.delivery import Delivery, DeliveryKind, DeliveryState, Settled
from hitl_fsm.model.dispatch import Callback, Handover, Outcome
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.record import Record


class Route(Protocol):
    """A way to a system that carries calls out, instead of the tool.

    `idempotent`: it may be given the same handover again, and the system recognises it by its key.
    """

    @property
    def idempotent(self) -> bool: ...

    async def hand_over(self, handover: Handover) -> Outcome:
        """Once, within a bounded time. The intent is on disk (law 3).

        Whatever it raises means that nobody knows what it did; who knows better returns it.
        """
        ...


@runtime_checkable
class CallsBack(Protocol):
    """A route whose system may answer later."""

    def callback(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """What the message says, once it is certain that the system sent it, and lately. CallbackRefused otherwise."""
        ...


class Notifier(Protocol):
    """A channel on which people, or machines, are told. `name` stands in the store: another name is another channel.

    `details`: it is given the arguments of the action, too, but for those that nobody is shown.
    """

    @property
    def name(self) -> str: ...

    @property
    def details(self) -> bool: ...

    def wants(self, notice: Notice) -> bool: ...

    async def send(self, notice: Notice) -> None:
        """Returns once it was taken. Raises NotifyError; its message holds no secret. It may be cancelled."""
        ...


class Line(Protocol):
    """A line of the record as it is stored (`ports.RecordLine`): its number, its exact bytes, its leaf hash (hex)."""

    @property
    def seq(self) -> int: ...

    @property
    def body(self) -> bytes: ...

    @property
    def leaf(self) -> str: ...


class Sink(Protocol):
    """Somewhere that has a second copy of the record. `name` stands in the store: another name is another copy.

    `from_start`: a copy that is new to a store begins with its first line; else with what is written from then on.
    """

    @property
    def name(self) -> str: ...

    @property
    def from_start(self) -> bool: ...

    async def write(self, lines: Sequence[Line]) -> None:
        """Returns once all of them are there, in their order, within a bounded time. SinkError when they may not be.

        The same lines may come again, after an error or from another worker; what comes first always comes in order.
        Not called by two at once. Its error holds no secret.
        """
        ...


class Telemetry(Protocol):
    """Whoever takes spans of the runs. `name` stands in the store: another name is another receiver."""

    @property
    def name(self) -> str: ...

    async def send(self, spans: Sequence[Span]) -> None:
        """Returns once they were taken; whatever it raises means that they were not, and they are sent again."""
        ...


class Anchor(Protocol):
    """A place beyond the store where checkpoints are kept.

    Its methods block, for a bounded time, and raise AnchorError. `url` names it, without a secret.
    """

    @property
    def url(self) -> str: ...

    def keep(self, note: bytes) -> bool:
        """Add a checkpoint; False where it, or a larger one of the same log, is the newest there already.

        It is safe there when this returns. AnchorError, and nothing is added, where it contradicts the newest one.
        """
        ...

    def newest(self) -> bytes | None:
        """The one that was added last; None before the first."""
        ...

    def notes(self) -> Sequence[bytes]:
        """All, in the order in which they were added."""
        ...


class Deliveries(Protocol):
    """What a store keeps of all that goes out: how far the record was read for it, and what became of each thing."""

    async def cursor(self, name: str) -> int | None:
        """The last record's number that this reader of the record has dealt with; None before it began."""
        ...

    async def advance(self, name: str, from_seq: int | None, to_seq: int, deliveries: Sequence[Delivery]) -> bool:
        """Move a reader's cursor and add what it found to deliver, in one transaction.

        False, and nothing happens, unless the cursor stands at `from_seq` (None: it is not there yet). A delivery
        whose id is there already is left as it is.
        """
        ...

    async def claim_deliveries(
        self, due_by: int, owner: str, kind: DeliveryKind, *, targets: Sequence[str], limit: int = 100
    ) -> Sequence[Delivery]:
        """Take deliveries that are due (ms) and that no live sender holds, earliest first; each attempt is counted.

        `targets` are those that the sender knows; what is for others is left to others.
        The claim ends like a lease. One whose sender died is given out again if it is a notice, or repeatable; any
        other becomes `unknown`, and is not given out.
        """
        ...

    async def claim_dispatch(
        self, due_by: int, owner: str, routes: Sequence[str], told: Callable[[Delivery], Record]
    ) -> Delivery | None:
        """Take the earliest dispatch to one of `routes` that is due (ms) and that no live sender holds.

        As `claim_deliveries` does it. `told` makes the record of it, and of each that became `unknown` meanwhile, which
        is written in the same transaction; it must be pure.
        """
        ...

    async def renew_delivery(self, delivery_id: str, owner: str) -> bool:
        """Extend a claim; False when it is no longer ours."""
        ...

    async def settle_delivery(self, settled: Settled, records: Sequence[Record] = ()) -> bool:
        """Write what became of a delivery, and records of it, in one transaction.

        False, and nothing is written, when it is not in the state `was`, held by `owner`, any more.
        """
        ...

    async def next_delivery(self, kind: DeliveryKind, targets: Sequence[str]) -> int | None:
        """When the earliest that waits is due (ms); None when none waits."""
        ...

    async def deliveries(
        self,
        *,
        kind: DeliveryKind | None = None,
        state: DeliveryState | None = None,
        about: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Delivery]:
        """In order of id; `after` is the last id of the page before."""
        ...
