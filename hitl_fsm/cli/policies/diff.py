"""`diff`: two sets of policies over the same actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.policies.changes import SHOWN
from hitl_fsm.cli.policies.impact import EXIT_LOOSENED, AllowLoosening, Default, Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hitl_fsm.cli.policies.changes import Shown
    from hitl_fsm.cli.policies.sides import Side
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.compare import Change
    from hitl_fsm.policy.evaluate import PolicySet

Side1 = Annotated[str, typer.Argument(metavar="OLD", help="A folder with policies, or a policy file.")]
Side2 = Annotated[str, typer.Argument(metavar="NEW", help="Another one.")]


def diff(
    ctx: typer.Context,
    old: Side1,
    new: Side2,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Compare over the actions recorded in the store, not over test cases.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Of the recorded ones, those since: 2026-10-01, 90d.")
    ] = None,
    allow_loosening: AllowLoosening = False,
    default: Annotated[Default, typer.Option("--default", help="The engine's word on what no policy covers.")] = (
        Default.DENY
    ),
    limit: Limit = SHOWN,
) -> None:
    """Compare two sets of policies, action by action; what the new one asks less for comes first.

    The actions are the test cases of both sides (`*.policytest.yaml`) and the examples in their rules; with --recorded
    or --store, what the store's runs were judged by. What changed comes after what is loosened, then what is tightened.
    Exit 1 when anything is asked for less, or otherwise, in NEW, unless that is allowed.
    JSON: {"safe", "actions", "counts", "changes": [{"change", "case", "file", "line", "tool", "user", "args", "old",
    "new", "differences"}]}; with --recorded that of `impact`.
    """
    from hitl_fsm.cli.policies.sides import read_side  # noqa: PLC0415 - with pydantic

    session: Session = ctx.obj
    recorded = recorded or session.store is not None
    if since is not None and not recorded:
        msg = "--since chooses among recorded actions: say --recorded, too"
        raise typer.BadParameter(msg, param_hint="--since")
    before, after = read_side(old, "OLD"), read_side(new, "NEW")
    if recorded:
        safe = _over_store(session, before.policies, after.policies, since, (default, limit))
    else:
        safe = _over_cases(session, before, after, (default, limit))
    if not safe and not allow_loosening:
        raise typer.Exit(EXIT_LOOSENED)


def _over_store(session: Session, old: PolicySet, new: PolicySet, since: str | None, how: tuple[Default, int]) -> bool:
    from hitl_fsm.cli.policies.impact_report import tell  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.since import since_ms  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.policies.impact import impact  # noqa: PLC0415 - as above

    from_when = 0 if since is None else since_ms(since)
    found = run_sync(impact(session.open_store(), new, old=old, since=from_when, default=how[0].value))
    tell(session, found, from_when, how[1])
    return found.is_safe


def _over_cases(session: Session, old: Side, new: Side, how: tuple[Default, int]) -> bool:
    from hitl_fsm.cli.policies.changes import Shown, grouped  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.policies.sides import cases_of  # noqa: PLC0415 - as above
    from hitl_fsm.errors import SettingsError  # noqa: PLC0415 - as above
    from hitl_fsm.policy.compare import CHANGES, compare_sets, is_safe  # noqa: PLC0415 - as above

    cases = cases_of(old, new)
    if not cases:
        msg = "there is nothing to compare over: neither side has test cases or examples"
        raise SettingsError(msg, help="write a *.policytest.yaml, or compare over a store's actions with --recorded")
    found: list[Shown] = []
    actions = [case.action for case in cases]
    for case, one in zip(cases, compare_sets(old.policies, new.policies, actions, default=how[0].value), strict=True):
        name = one.action.tool or one.action.step or one.action.agent
        origin = {"case": case.name, "file": case.file, "line": case.line, "tool": name, "user": one.action.user.id}
        title = f"{name}  {case.name}  {case.file}:{case.line}"
        found.append(Shown(title, origin, one.action.args, one.old, one.new, one.comparison))
    groups = grouped(found)
    counts: dict[Change, int] = {change: len(groups.get(change, ())) for change in CHANGES}
    groups.pop("equal", None)
    _tell(session, groups, counts, how[1])
    return all(is_safe(change) for change in groups)


def _tell(session: Session, groups: Mapping[Change, list[Shown]], counts: Mapping[Change, int], limit: int) -> None:
    from hitl_fsm.cli.output import json_document, line, show  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Page  # noqa: PLC0415 - as above
    from hitl_fsm.cli.policies.changes import as_object, blocks, counted, many  # noqa: PLC0415 - as it is used
    from hitl_fsm.policy.compare import CHANGES, is_safe  # noqa: PLC0415 - as above

    total = sum(counts.values())
    if session.json:
        told: list[dict[str, Any]] = [as_object(one) for change in CHANGES for one in groups.get(change, [])[:limit]]
        safe = all(is_safe(change) for change in groups)
        json_document({"safe": safe, "actions": total, "counts": dict(counts), "changes": told})
        return
    line(f"{many(total, 'action', 'actions')}: {counted(counts)}")
    page = blocks(groups, counts, limit)
    if page:
        line("")
        show(session, Page(tuple(page)))
