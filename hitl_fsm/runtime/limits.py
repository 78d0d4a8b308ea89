"""What a run may take before it is stopped: turns, tokens, money, time. Pure: the driver counts and asks."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hitl_fsm.errors import SettingsError
from hitl_fsm.model.message import COUNT_MAX, Spent

TURNS = 100
"""Model turns that a run may take by default."""

_MICRO = 6
_MS = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run may take; None is without a limit.

    `turns` are those of its own model, `tokens` those sent and written, `cost` is in US dollars (`Decimal("0.50")`, or
    a whole number), `seconds` the time in which it waited for nobody. What it holds (members, steps) counts, but for
    its turns.

    They are looked at before each model call, so that the last call may go past `tokens` and `cost`; `seconds` also
    ends a model call that is under way. A tool is never cut off by them: it has a timeout of its own. With `cost`, a
    reply whose price nobody knows stops the run too. Raises SettingsError for anything that is no such number.
    """

    turns: int | None = TURNS
    tokens: int | None = None
    cost: Decimal | int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value, kinds in (
            ("turns", self.turns, (int,)),
            ("tokens", self.tokens, (int,)),
            ("cost", self.cost, (int, Decimal)),
            ("seconds", self.seconds, (int, float)),
        ):
            if value is not None:
                _check(name, value, kinds)

    @property
    def micro_dollars(self) -> int | None:
        """`cost` as it is counted; a part of a micro-dollar is left out."""
        return None if self.cost is None else int(Decimal(self.cost).scaleb(_MICRO))


def over(limits: Limits, turn: int, spent: Spent, active_ms: int) -> str | None:
    """Why the run may not ask its model for that turn (from 1 up): a sentence that names the limit. None: it may."""
    if limits.turns is not None and turn > limits.turns:
        return f"The run took {limits.turns} turns and needs more (limits.turns)."
    if limits.tokens is not None and spent.tokens >= limits.tokens:
        return f"The run used {spent.tokens} tokens; it may use {limits.tokens} (limits.tokens)."
    return _over_cost(limits, spent) or _over_time(limits, active_ms)


def left_s(limits: Limits, active_ms: int) -> float | None:
    """Seconds that a model call may take now; None without a limit."""
    return None if limits.seconds is None else max(0.0, limits.seconds - active_ms / _MS)


def out_of_time(limits: Limits) -> str:
    """Why a run was stopped whose time ended while a model was asked."""
    return f"The run took {limits.seconds:g} seconds without its waits, which is all it may (limits.seconds)."


def dollars(micro: int) -> Decimal:
    """Micro-dollars as dollars, exact."""
    return Decimal(micro).scaleb(-_MICRO)


def _over_cost(limits: Limits, spent: Spent) -> str | None:
    most = limits.micro_dollars
    if most is None:
        return None
    if spent.cost >= most:
        return f"The run cost ${dollars(spent.cost):f}; it may cost ${dollars(most):f} (limits.cost)."
    if spent.unpriced:
        replies = "one reply" if spent.unpriced == 1 else f"{spent.unpriced} replies"
        return f"The price of {replies} is not known, so that ${dollars(most):f} cannot be kept to (limits.cost)."
    return None


def _over_time(limits: Limits, active_ms: int) -> str | None:
    left = left_s(limits, active_ms)
    return None if left is None or left > 0 else out_of_time(limits)


def _check(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    if fits and Decimal(value).is_finite() and 0 <= value <= COUNT_MAX:
        return
    msg = f"limits.{name} is {value!r}"
    whole = kinds == (int,)
    helps = {"cost": 'dollars: Decimal("0.50"), or a whole number', "seconds": "a number of seconds, 0 or more"}
    raise SettingsError(msg, help=f"give {'a whole number, 0 or more' if whole else helps[name]}; None for no limit")


USUAL = Limits()
"""Those of an agent that says nothing."""
