"""Whether what several people and machines saw of one requirement can be told as one story (linearizability).

Everybody notes what they asked and what they were told, with start and end on one clock. The history is right if its
acts can be put in an order that (a) keeps "ended before the other began" and (b) is a life that a requirement can have:
open, then closed once, by one answer, by its time running out, or with its run; and whoever looks, or comes too late,
is told exactly that. The search is Wing and Gong's, with a memo; histories here are a few dozen acts long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

FOREVER = 1 << 62
"""The end of an act whose end nobody saw: it may take effect at any later time."""


class Life(NamedTuple):
    """Where a requirement stands: its state, who closed it (nobody: time, or a cancellation), how its run ended."""

    state: str = "open"
    by: str = ""
    ended: str = ""


OPEN = Life()


class Act(NamedTuple):
    """One thing that somebody did to the requirement, or saw of it.

    `told` is what came back: the life right after the act, as far as the answer told it. None: it told nothing.
    """

    who: str
    verb: str
    start: int
    end: int
    told: Life | None = None


Lives = tuple[Life, ...]


def _answered(life: Life, act: Act) -> Lives:
    """Acknowledged as the one answer: `told` names the state that it led to, and its giver."""
    assert act.told is not None
    return (Life(act.told.state, act.told.by),) if life == OPEN else ()


def _perhaps_answered(life: Life, act: Act) -> Lives:
    """Asked, but who asked died before being told."""
    return (life, *_answered(life, act))


def _too_late(life: Life, act: Act) -> Lives:
    """Told that somebody was first, and who; that says nothing of how the run stands."""
    assert act.told is not None
    return (life,) if life.state != "open" and life[:2] == act.told[:2] else ()


def _found_expired(life: Life, act: Act) -> Lives:
    """An answer after its time: it closes the question itself, or finds it closed for that reason."""
    return _time_ran_out(life, act) or ((life,) if life.state == "expired" else ())


def _time_ran_out(life: Life, _act: Act) -> Lives:
    return (Life("expired"),) if life == OPEN else ()


def _perhaps_expired(life: Life, act: Act) -> Lives:
    """Whoever knows a later time may close what is open, and need not."""
    return (life, *_time_ran_out(life, act))


def _cancelled(life: Life, _act: Act) -> Lives:
    """Acknowledged: it ends the run, and closes what is open."""
    if life.ended:
        return ()
    return (Life("cancelled", "", "cancelled"),) if life.state == "open" else (life._replace(ended="cancelled"),)


def _was_over(life: Life, _act: Act) -> Lives:
    """Told that there is no run to cancel any more: then nothing of it is open, either."""
    return (life,) if life.ended and life.state != "open" else ()


def _perhaps_finished(life: Life, _act: Act) -> Lives:
    """Whoever moves the run on may bring it to its end, once the question is closed."""
    return (life,) if life.ended or life.state == "open" else (life, life._replace(ended="done"))


def _looked(life: Life, _act: Act) -> Lives:
    return (life,)


VERBS: dict[str, Callable[[Life, Act], Lives]] = {
    "answered": _answered,
    "perhaps answered": _perhaps_answered,
    "too late": _too_late,
    "expired": _time_ran_out,
    "found expired": _found_expired,
    "perhaps expired": _perhaps_expired,
    "cancelled": _cancelled,
    "was over": _was_over,
    "perhaps finished": _perhaps_finished,
    "looked": _looked,
}
_TELLS_ALL = frozenset({"answered", "cancelled", "looked"})
_CHANGES_NOTHING = frozenset({"too late", "was over", "looked"})


def lives_after(life: Life, act: Act) -> Lives:
    """The lives that the requirement may have after the act; none: the act cannot have happened here."""
    lives = VERBS[act.verb](life, act)
    if act.verb in _TELLS_ALL and act.told is not None:
        return tuple(one for one in lives if one == act.told)
    return lives


class Told(NamedTuple):
    """The longest beginning that makes sense, and the life where it stops; `whole` if it is all of it."""

    order: tuple[Act, ...]
    life: Life
    whole: bool


def tell(acts: Sequence[Act], begin: Life = OPEN) -> Told:
    """Put the acts in an order that is a life, or as many of them as can be."""
    tried: set[tuple[int, Life]] = set()
    best = Told((), begin, whole=not acts)

    def go(left: int, life: Life, order: tuple[Act, ...]) -> bool:
        nonlocal best
        if len(order) > len(best.order):
            best = Told(order, life, whole=not left)
        if not left:
            return True
        if (left, life) in tried:
            return False
        tried.add((left, life))
        able = _able([(place, act) for place, act in enumerate(acts) if left >> place & 1])
        for place, act in able:
            if act.verb in _CHANGES_NOTHING and lives_after(life, act):  # it fits: nothing is lost by telling it now
                return go(left & ~(1 << place), life, (*order, act))
        return any(
            go(left & ~(1 << place), after, (*order, act)) for place, act in able for after in lives_after(life, act)
        )

    go((1 << len(acts)) - 1, begin, ())
    return best


def _able(waiting: Sequence[tuple[int, Act]]) -> list[tuple[int, Act]]:
    """The acts that may come next: those that began before the first of all ends.

    Of several that ask and tell the same, the one that ends first goes first: all have begun, so no order is lost.
    """
    first_end = min(act.end for _, act in waiting)
    able: dict[tuple[str, Life | None], tuple[int, Act]] = {}
    for place, act in waiting:
        if act.start <= first_end:
            alike = able.get((act.verb, act.told))
            if alike is None or act.end < alike[1].end:
                able[act.verb, act.told] = (place, act)
    return list(able.values())


def complaint(acts: Sequence[Act], begin: Life = OPEN) -> str:
    """Empty if the history is right; else the story as far as it goes, and what does not fit after it."""
    told = tell(acts, begin)
    if told.whole:
        return ""
    zero = min(act.start for act in acts)
    rest = sorted((act for act in acts if act not in told.order), key=lambda act: act.start)
    lines = ["no order of these acts is a life of a requirement; this far it goes:"]
    lines += [_line(act, zero) for act in told.order]
    lines += [f"  it is {told.life} then, and none of these fits:"]
    lines += [_line(act, zero) for act in rest]
    return "\n".join(lines)


def _line(act: Act, zero: int) -> str:
    end = "…" if act.end >= FOREVER else f"{(act.end - zero) / 1e6:.3f}"
    told = "" if act.told is None else f" -> {' '.join(part for part in act.told if part)}"
    return f"    {(act.start - zero) / 1e6:9.3f} to {end:>9} ms  {act.who}: {act.verb}{told}"
