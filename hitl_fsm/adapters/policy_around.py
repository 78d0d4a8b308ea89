"""Routes and roles from disk: `*.routes.yaml` and `*.roles.yaml`, below the same folders as the policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.adapters.policy_files import ROLES, ROUTES, gather
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
    """The routes and roles of these folders and files. There may be none: then nothing is known of them.

    What cannot be read makes its kind unknown, beside a finding: no name is called wrong for a file that is missing.
    With `read`, schema files that routes name are read by it.
    """
    routes, roles = gather(paths, ROUTES), gather(paths, ROLES)
    around, wrong = around_of(routes.files, roles.files, read or routes.read)
    if routes.findings:
        around = around._replace(routes=None, route_schemas=NO_ROUTE_SCHEMAS)
    if roles.findings:
        around = around._replace(roles=None)
    findings = dict.fromkeys((*routes.findings, *roles.findings, *wrong))
    return GatheredAround(around, tuple(findings), tuple(sorted((*routes.files, *roles.files))))


def around_of(
    routes: Mapping[str, bytes], roles: Mapping[str, bytes], read: Read
) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    """What these files say, and what is wrong with them."""
    if not routes and not roles:
        return Surroundings(), ()
    from hitl_fsm.policy.surrounding_files import read_surroundings  # noqa: PLC0415 - its models take long to make

    return read_surroundings(routes, roles, read)
