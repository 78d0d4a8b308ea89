"""A store behind a store: every method goes through one place, where a test can be in the way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from hitl_fsm.audit.contents import Opened
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.delegation import Delegation, DelegationRow
from hitl_fsm.model.delivery import Delivery, DeliveryKind, DeliveryState, Settled
from hitl_fsm.model.grant import GrantRow
from hitl_fsm.model.hold import Hold, HoldRow
from hitl_fsm.model.override import Override, OverrideState
from hitl_fsm.model.owner import Owner
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import (
    AskedBefore,
    Commit,
    Lease,
    RecordLine,
    RunRow,
    Store,
    StoredRun,
    StoreHealth,
    StoreInfo,
    Watcher,
)
from hitl_fsm.ports_record import Checkpoint, Forgetting, PrunedLines, PrunedPage, ReaderAt, Retired

T = TypeVar("T")


class Through:
    """`ports.Store`; `_do` is told what is asked for, and given the work on the store behind."""

    @abstractmethod
    async def _do(self, what: str, work: Callable[[Store], Awaitable[T]]) -> T: ...

    async def commit(self, commit: Commit) -> int:
        event = type(commit.entries[0].event).__name__ if commit.entries else "claim"
        what = f"{event} {commit.run.run_id} v{commit.run.version} {commit.lease}"
        return await self._do(what, lambda inner: inner.commit(commit))

    async def renew(self, run_id: str, lease: Lease) -> bool:
        return await self._do(f"renew {run_id} {lease.fence}", lambda inner: inner.renew(run_id, lease))

    async def release(self, run_id: str, lease: Lease) -> None:
        await self._do(f"release {run_id} {lease.fence}", lambda inner: inner.release(run_id, lease))

    def watch(self, watcher: Watcher) -> None:
        """Nobody listens here: the store behind, which may be that of others too, would tell of their records."""

    async def load(self, run_id: str, *, after: int = 0) -> StoredRun | None:
        return await self._do(f"load {run_id}", lambda inner: inner.load(run_id, after=after))

    async def requirement(self, requirement_id: str) -> Requirement | None:
        return await self._do(f"requirement {requirement_id}", lambda inner: inner.requirement(requirement_id))

    async def requirements(
        self, *, run_id: str | None = None, state: str | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Requirement]:
        return await self._do(
            "requirements", lambda inner: inner.requirements(run_id=run_id, state=state, after=after, limit=limit)
        )

    async def asked_before(self, agent: str, *, limit: int) -> Sequence[AskedBefore]:
        return await self._do("asked_before", lambda inner: inner.asked_before(agent, limit=limit))

    async def open_of(self, agent: str) -> int:
        return await self._do("open_of", lambda inner: inner.open_of(agent))

    async def runs(self, *, state: str | None = None, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        return await self._do("runs", lambda inner: inner.runs(state=state, after=after, limit=limit))

    async def session_runs(self, of: Run, *, limit: int) -> Sequence[str]:
        return await self._do(f"session_runs {of.run_id}", lambda inner: inner.session_runs(of, limit=limit))

    async def ready(self, *, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        return await self._do("ready", lambda inner: inner.ready(after=after, limit=limit))

    async def claim_timers(self, due_by: int, owner: str, *, limit: int = 100) -> Sequence[Timer]:
        return await self._do("claim_timers", lambda inner: inner.claim_timers(due_by, owner, limit=limit))

    async def next_timer(self) -> int | None:
        return await self._do("next_timer", lambda inner: inner.next_timer())

    # -- grants and overrides

    async def grant(self, grant_id: str) -> GrantRow | None:
        return await self._do(f"grant {grant_id}", lambda inner: inner.grant(grant_id))

    async def grants(
        self,
        *,
        tool: str | None = None,
        agent: str | None = None,
        active_at: int | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[GrantRow]:
        return await self._do(
            "grants",
            lambda inner: inner.grants(tool=tool, agent=agent, active_at=active_at, after=after, limit=limit),
        )

    async def revoke_grant(self, grant_id: str, record: Record) -> bool:
        return await self._do(f"revoke_grant {grant_id}", lambda inner: inner.revoke_grant(grant_id, record))

    async def override(self, requirement_id: str) -> Override | None:
        return await self._do(f"override {requirement_id}", lambda inner: inner.override(requirement_id))

    async def overrides(
        self, *, state: OverrideState | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Override]:
        return await self._do("overrides", lambda inner: inner.overrides(state=state, after=after, limit=limit))

    async def close_override(self, reviewed: Override, record: Record) -> bool:
        return await self._do("close_override", lambda inner: inner.close_override(reviewed, record))

    # -- what goes out

    async def cursor(self, name: str) -> int | None:
        return await self._do("cursor", lambda inner: inner.cursor(name))

    async def advance(self, name: str, from_seq: int | None, to_seq: int, deliveries: Sequence[Delivery]) -> bool:
        return await self._do("advance", lambda inner: inner.advance(name, from_seq, to_seq, deliveries))

    async def claim_deliveries(
        self, due_by: int, owner: str, kind: DeliveryKind, *, targets: Sequence[str], limit: int = 100
    ) -> Sequence[Delivery]:
        return await self._do(
            "claim_deliveries",
            lambda inner: inner.claim_deliveries(due_by, owner, kind, targets=targets, limit=limit),
        )

    async def claim_dispatch(
        self, due_by: int, owner: str, routes: Sequence[str], told: Callable[[Delivery], Record]
    ) -> Delivery | None:
        return await self._do("claim_dispatch", lambda inner: inner.claim_dispatch(due_by, owner, routes, told))

    async def renew_delivery(self, delivery_id: str, owner: str) -> bool:
        return await self._do("renew_delivery", lambda inner: inner.renew_delivery(delivery_id, owner))

    async def settle_delivery(self, settled: Settled, records: Sequence[Record] = ()) -> bool:
        return await self._do("settle_delivery", lambda inner: inner.settle_delivery(settled, records))

    async def next_delivery(self, kind: DeliveryKind, targets: Sequence[str]) -> int | None:
        return await self._do("next_delivery", lambda inner: inner.next_delivery(kind, targets))

    async def deliveries(
        self,
        *,
        kind: DeliveryKind | None = None,
        state: DeliveryState | None = None,
        about: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[Delivery]:
        return await self._do(
            "deliveries",
            lambda inner: inner.deliveries(kind=kind, state=state, about=about, after=after, limit=limit),
        )

    # -- people

    async def add_delegation(self, delegation: Delegation, record: Record, *, most: int) -> bool:
        return await self._do("add_delegation", lambda inner: inner.add_delegation(delegation, record, most=most))

    async def end_delegation(self, delegation_id: str, record: Record) -> bool:
        return await self._do("end_delegation", lambda inner: inner.end_delegation(delegation_id, record))

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
        return await self._do(
            "delegations",
            lambda inner: inner.delegations(
                giver=giver,
                taker=taker,
                delegation_id=delegation_id,
                until_after=until_after,
                after=after,
                limit=limit,
            ),
        )

    async def owner(self) -> Owner:
        return await self._do("owner", lambda inner: inner.owner())

    # -- what lines are committed to

    async def contents(self, seqs: Sequence[int]) -> Mapping[int, dict[str, Any]]:
        return await self._do("contents", lambda inner: inner.contents(seqs))

    async def unready(self, subject: str, *, limit: int = 100) -> Sequence[str]:
        return await self._do("unready", lambda inner: inner.unready(subject, limit=limit))

    async def erase(
        self, subject: str, told: Callable[[int], Record], forgetting: Sequence[Forgetting] = ()
    ) -> int | None:
        return await self._do("erase", lambda inner: inner.erase(subject, told, forgetting))

    async def scrub(self) -> bool:
        return await self._do("scrub", lambda inner: inner.scrub())

    async def place_hold(self, hold: Hold, record: Record) -> None:
        await self._do("place_hold", lambda inner: inner.place_hold(hold, record))

    async def release_hold(self, hold_id: str, record: Record) -> bool:
        return await self._do("release_hold", lambda inner: inner.release_hold(hold_id, record))

    async def holds(self, *, active: bool = True, after: str = "", limit: int = 100) -> Sequence[HoldRow]:
        return await self._do("holds", lambda inner: inner.holds(active=active, after=after, limit=limit))

    async def held_runs(self, run_ids: Sequence[str]) -> Mapping[str, str]:
        return await self._do("held_runs", lambda inner: inner.held_runs(run_ids))

    async def holding(self, subject: str) -> Hold | None:
        return await self._do("holding", lambda inner: inner.holding(subject))

    async def prune_record(
        self, after: int, upto: int, before: int, told: Callable[[PrunedLines], Record], *, contents_only: bool = False
    ) -> PrunedPage | None:
        return await self._do(
            "prune_record",
            lambda inner: inner.prune_record(after, upto, before, told, contents_only=contents_only),
        )

    async def readers(self) -> Sequence[ReaderAt]:
        return await self._do("readers", lambda inner: inner.readers())

    async def retire_reader(self, name: str, told: Callable[[Retired], Record]) -> Retired | None:
        return await self._do("retire_reader", lambda inner: inner.retire_reader(name, told))

    # -- signed heads

    async def sign(self, by: Actor | None = None) -> Checkpoint | None:
        return await self._do("sign", lambda inner: inner.sign(by))

    async def checkpoints(self, *, after: int = 0, limit: int = 100) -> Sequence[Checkpoint]:
        return await self._do("checkpoints", lambda inner: inner.checkpoints(after=after, limit=limit))

    async def newest_checkpoint(self) -> Checkpoint | None:
        return await self._do("newest_checkpoint", lambda inner: inner.newest_checkpoint())

    # -- rows as they stand

    async def openings(self, seqs: Sequence[int]) -> Mapping[int, Opened]:
        return await self._do("openings", lambda inner: inner.openings(seqs))

    async def raw_lines(self, after: int, upto: int, limit: int, *, loose: bool = False) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_lines", lambda inner: inner.raw_lines(after, upto, limit, loose=loose))

    async def raw_line_before(self, seq: int) -> tuple[Any, ...] | None:
        return await self._do("raw_line_before", lambda inner: inner.raw_line_before(seq))

    async def raw_leaves(self, after: int, upto: int, limit: int) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_leaves", lambda inner: inner.raw_leaves(after, upto, limit))

    async def raw_checkpoints(self, after: int, upto: int, limit: int) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_checkpoints", lambda inner: inner.raw_checkpoints(after, upto, limit))

    async def raw_policies(self, after: int, limit: int) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_policies", lambda inner: inner.raw_policies(after, limit))

    async def raw_states(self, table: str, after: int, limit: int) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_states", lambda inner: inner.raw_states(table, after, limit))

    async def raw_calls(self, run_id: str) -> Sequence[tuple[Any, ...]]:
        return await self._do("raw_calls", lambda inner: inner.raw_calls(run_id))

    async def raw_head(self) -> tuple[Any, ...] | None:
        return await self._do("raw_head", lambda inner: inner.raw_head())

    async def raw_counts(self) -> tuple[int, int]:
        return await self._do("raw_counts", lambda inner: inner.raw_counts())

    # -- the whole store

    async def forget(self, run_ids: Sequence[str], record: Record, *, wholly: bool = False) -> int:
        return await self._do("forget", lambda inner: inner.forget(run_ids, record, wholly=wholly))

    async def ended(self, *, before: int, limit: int = 100) -> Sequence[RunRow]:
        return await self._do("ended", lambda inner: inner.ended(before=before, limit=limit))

    async def health(self, now: int) -> StoreHealth:
        return await self._do("health", lambda inner: inner.health(now))

    async def append(self, records: Sequence[Record]) -> None:
        await self._do("append", lambda inner: inner.append(records))

    async def runs_about(self, subject: str) -> Sequence[str]:
        return await self._do("runs_about", lambda inner: inner.runs_about(subject))

    async def records(self, *, after: int = 0, limit: int = 1000, run_id: str | None = None) -> Sequence[RecordLine]:
        return await self._do("records", lambda inner: inner.records(after=after, limit=limit, run_id=run_id))

    async def head(self) -> tuple[int, str]:
        return await self._do("head", lambda inner: inner.head())

    async def save_policies(self, digest: str, text: str, record: Record) -> bool:
        return await self._do("save_policies", lambda inner: inner.save_policies(digest, text, record))

    async def policies(self, digest: str) -> str | None:
        return await self._do("policies", lambda inner: inner.policies(digest))

    async def info(self) -> StoreInfo:
        return await self._do("info", lambda inner: inner.info())

    async def close(self) -> None:
        """The database outlives this process."""
