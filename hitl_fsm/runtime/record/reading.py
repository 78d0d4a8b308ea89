"""Who reads people's data, puts a question, or takes a copy is on the record: how, about which run, how many lines.

Lines by themselves (`audit show`, `audit verify`) have ids and digests; whoever reads them is not recorded.
Told before anything is shown. Of people's data (`contents`) nothing is shown that could not be recorded: the error goes
on to the reader. Lines alone are shown all the same, so that a store that cannot be written can still be looked into;
whoever shows them says that it is not on the record.
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from hitl_fsm.errors import StoreError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Clock, Store


class Where(TypedDict, total=False):
    """What was read: `about` is a run, `lines` how many, `first` and `last` which; `contents`: people's data, too.

    `parameters` are what was asked for, which may name people: they stand beside the line.
    """

    about: str
    lines: int
    first: int
    last: int
    contents: bool
    parameters: dict[str, Any]


async def told_read(store: Store, clock: Clock, by: Actor, what: str, **where: Unpack[Where]) -> str:
    """Record that `by` reads, by the command or question `what`. "", or why it is not on the record.

    StoreError only where people's data would be shown unrecorded.
    """
    plain = {name: value for name, value in where.items() if name != "parameters" and value not in ("", False)}
    parameters = where.get("parameters")
    contents = {"parameters": parameters} if parameters else {}
    try:
        await store.append([Record("record_read", clock.now(), by, data={"what": what, **plain}, contents=contents)])
    except StoreError as error:
        if where.get("contents"):
            raise
        return error.message
    return ""
