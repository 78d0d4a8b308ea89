"""Law 7 as the reference sees it: which calls of a turn may run while others of it wait."""

from __future__ import annotations

from collections.abc import Sequence

from stateful.case import Case, hold
from stateful.shop import BATCHES


def in_turn(turn: Sequence[Case], case: Case) -> None:
    """The strictest batch rule of the turn's calls counts."""
    letters = {other.tool[0] for other in turn if "." in other.tool and not _refused_at_once(other)}
    letters |= {"a"} if any("." not in other.tool for other in turn) else set()
    rule = BATCHES[max(letters, key=list(BATCHES).index)]
    before = [other for other in turn if other.place < case.place]
    if rule != "run_ungated":
        hold(7, all(other.over for other in before), f"{case.tool} ran past one that was open")
    if rule == "hold_all":
        waiting = [other for other in turn if other.may_begin() and not other.ungated()]
        hold(7, not waiting, f"{case.tool} ran while {[o.tool for o in waiting]} waited")


def _refused_at_once(case: Case) -> bool:
    """What could not be judged has no batch rule of its own."""
    return case.needs is None and not case.begun and not case.passed
