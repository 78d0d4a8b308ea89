"""Who may speak for whom, for a while."""

from __future__ import annotations

from typing import Literal

import msgspec

from hitl_fsm.model.actor import Actor


class Delegation(msgspec.Struct, frozen=True, omit_defaults=True):
    """`taker` may speak for `giver`, with these of the giver's roles (empty: with all of them), and not pass it on.

    Both are persons' ids. It holds from `since` to before `until` (ms since the epoch; None: without that end), and
    with `when: absent` only while the giver is away. One that a person gave at run time has an id, and says who gave it
    when (`by`, `at`); one from a file has neither.
    """

    giver: str
    taker: str
    roles: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    when: Literal["always", "absent"] = "always"
    delegation_id: str = ""
    by: Actor | None = None
    at: int = 0
    note: str = ""

    def is_within(self, now: int) -> bool:
        """Whether `now` (ms) is in its time."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


class DelegationRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A delegation as it stands in the store."""

    delegation: Delegation
    state: Literal["active", "ended"] = "active"
