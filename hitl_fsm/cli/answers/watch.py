"""`inbox --watch`: the list again whenever it changes, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from hitl_fsm.cli.answers.listed import Listed, Source, marks, row, shown_args, tell
from hitl_fsm.cli.answers.present import one_line
from hitl_fsm.cli.output import json_line, line, say, write
from hitl_fsm.model.visible import visible
from hitl_fsm.runtime.loop import run_sync

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

POLL_S = 0.5
"""Between two looks at the end of the record; nothing changes in the list without a line there."""
ANYWAY_S = 15
"""A list is looked at again after so long in any case: what expires soon depends on the time."""
CLEARED = "\x1b[H\x1b[2J"


def keep_telling(session: Session, source: Source) -> NoReturn:
    """On a terminal the whole list, anew; elsewhere a line for each question that came, changed or went."""
    whole = not session.json and sys.stdout.isatty()
    before: dict[str, Listed] = {}
    is_first = True
    while True:
        head = run_sync(source.store.head())
        now = {one.requirement.requirement_id: one for one in source.look()}
        if whole and (is_first or now != before):
            write(CLEARED)
            tell(session, list(now.values()), source.nothing)
            say(session, "watching; Ctrl-C ends")
        elif not whole:
            _tell_changes(session, source, before, now)
        before, is_first = now, False
        _wait(source, head)


def _wait(source: Source, head: tuple[int, str]) -> None:
    end = time.monotonic() + ANYWAY_S
    while time.monotonic() < end:
        time.sleep(POLL_S)
        if run_sync(source.store.head()) != head:
            return


def _tell_changes(session: Session, source: Source, before: Mapping[str, Listed], now: Mapping[str, Listed]) -> None:
    for name in [*before, *(name for name in now if name not in before)]:
        if name not in now:
            row_now = run_sync(source.store.requirement(name))
            state = "forgotten" if row_now is None else row_now.state.value
            _line(session, "closed", before[name], state)
        elif name not in before:
            _line(session, "opened", now[name])
        elif now[name] != before[name]:
            _line(session, "changed", now[name])


def _line(session: Session, change: str, one: Listed, state: str = "") -> None:
    """`state`: of a question that is not in the list any more; "open" where it is only no longer one of the wanted."""
    if session.json:
        told: dict[str, Any] = {"change": change, **({"state": state} if state else {}), **row(one)}
        json_line(told)
        return
    asked = one.requirement
    ending = f" ({state})" if state else f" {marks(one)}".rstrip()
    line(visible(f"{change} {asked.requirement_id} {asked.kind} {asked.tool} {one_line(shown_args(asked))}{ending}"))
