"""What is to be told to somebody, or handed to an outside system, because of a line of the record."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

DeliveryKind = Literal["notice", "dispatch"]
DeliveryState = Literal["waiting", "sending", "sent", "dropped", "unknown", "dead"]
"""`dropped`: it was too late for it. `unknown`: its sender died, and it must not be sent twice. `dead`: given up."""


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """`delivery_id` is the same at each attempt, so that who receives it twice can tell.

    `target` is the channel or the route. `about` is a requirement's id, or the run's. `content` is plain JSON that only
    who sends it understands; it holds no secret. Times are ms since the epoch. `attempts` counts those that were begun.
    `repeatable`: it may be sent again when nobody knows whether it was sent; a notice always may.
    """

    delivery_id: str
    kind: DeliveryKind
    target: str
    about: str
    run_id: str
    due_at: int
    content: dict[str, Any] = {}
    state: DeliveryState = "waiting"
    attempts: int = 0
    repeatable: bool = False


class Settled(msgspec.Struct, frozen=True):
    """What became of a delivery that `owner` had claimed: `waiting` tries it again at `due_at`.

    `was` is the state that it must be in still; in any other than `sending` nobody holds it, and `owner` is "".
    `content`, where given, replaces that of the delivery.
    """

    delivery_id: str
    owner: str
    state: DeliveryState
    attempts: int
    due_at: int
    was: DeliveryState = "sending"
    content: dict[str, Any] | None = None
