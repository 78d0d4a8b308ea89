"""The part of the port `Store` that is about people: what they delegated, and whose the store is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hitl_fsm.model.delegation import Delegation, DelegationRow
from hitl_fsm.model.owner import Owner
from hitl_fsm.model.record import Record


class PeopleStore(Protocol):
    """Every method either does all that it says or raises a StoreError and did nothing."""

    async def add_delegation(self, delegation: Delegation, record: Record, *, most: int) -> bool:
        """Keep a delegation, and a record of it, in one transaction.

        False, and nothing is written, where its giver has `most` that are neither ended nor over at its `at`.
        """
        ...

    async def end_delegation(self, delegation_id: str, record: Record) -> bool:
        """End one for good, with a record of it; False, and nothing is written, where none of that id is active."""
        ...

    async def delegations(
        self,
        *,
        giver: str | None = None,
        taker: str | None = None,
        delegation_id: str | None = None,
        until_after: int | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[DelegationRow]:
        """In order of id; `until_after` (ms): only active ones that end later. Tampered where a row is not whole."""
        ...

    async def owner(self) -> Owner:
        """Whose the store is: the file's owner, the role that owns the tables."""
        ...
