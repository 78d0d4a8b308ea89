"""Routes, roles and calendars from disk: `*.routes.yaml` and so on, below the same folders as the policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.adapters.calendars import calendars_in
from hitl_fsm.adapters.policy_files import CALENDARS, ROLES, ROUTES, gather
from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.schemas import Read
from hitl_fsm.policy.surroundings import NO_ROUTE_SCHEMAS, Surroundings

__all__ = ["GatheredAround", "around_of", "gather_around"]


class GatheredAround(NamedTuple):
    """What the files say, what is wrong with them or could not be read, and their paths."""

    around: Surroundings
    findings: tuple[Diagnostic, ...]
    files: tuple[str, ...]


def gather_around(paths: Sequence[str], read: Read | None = None) -> GatheredAround:
    """The routes, roles and calendars of these folders and files. Of routes and roles, none means that none are known.

    What cannot be read makes its kind unknown, beside a finding: no name is called wrong for a file that is missing.
    With `read`, schema files that routes name are read by it.
    """
    routes, roles, calendars = gather(paths, ROUTES), gather(paths, ROLES), gather(paths, CALENDARS)
    around, wrong = around_of(routes.files, roles.files, read or routes.read, calendars.files)
    if routes.findings:
        around = around._replace(routes=None, route_schemas=NO_ROUTE_SCHEMAS)
    if roles.findings:
        around = around._replace(roles=None)
    if calendars.findings:
        around = around._replace(calendars=None)
    findings = dict.fromkeys((*routes.findings, *roles.findings, *calendars.findings, *wrong))
    files = (*routes.files, *roles.files, *calendars.files)
    return GatheredAround(around, tuple(findings), tuple(sorted(files)))


def around_of(
    routes: Mapping[str, bytes],
    roles: Mapping[str, bytes],
    read: Read,
    calendars: Mapping[str, bytes] | None = None,
) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    """What these files say, and what is wrong with them. `calendars` None: nobody told which there are."""
    around = Surroundings()
    wrong: tuple[Diagnostic, ...] = ()
    if routes or roles:
        from hitl_fsm.policy.surrounding_files import read_surroundings  # noqa: PLC0415 - its models take long to make

        around, wrong = read_surroundings(routes, roles, read)
    if calendars is None:
        return around, wrong
    known, faults = calendars_in(calendars)
    return around._replace(calendars=None if faults else known), (*wrong, *faults)
