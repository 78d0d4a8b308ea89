"""What somebody is told: that a person is asked, that time runs out, or what became of it."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.requirement import RequirementKind
from hitl_fsm.model.verdict import Severity


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of the record about one question. It holds no argument of the action, unless `args` was asked for.

    `id` is the same at each attempt to send it: who gets it twice drops the second. `told` names those whom it is for,
    as a policy writes them (`role:finance`, `requester`, an id); empty: anybody. `who` says the same in words. `level`
    counts the escalations before it. `by` is who did it, `note` the reason that was given for an
    override, and with the arguments that of an answer. `link` only shows the
    question; nothing is answered by opening it. `at` and `expires_at` are ms since the epoch. `digest` is the short one
    that people compare. `args` are masked at the places in `hidden`; where they would be too long, `args` is None
    and `omitted` True.
    """

    id: str
    event: str
    at: int
    requirement: str
    run: str
    kind: RequirementKind
    tool: str
    agent: str
    user: str
    severity: Severity
    digest: str
    told: tuple[str, ...] = ()
    who: str = ""
    asks: str = ""
    level: int = 0
    by: str = ""
    note: str = ""
    expires_at: int | None = None
    link: str = ""
    args: dict[str, Any] | None = None
    hidden: tuple[str, ...] = ()
    omitted: bool = False
