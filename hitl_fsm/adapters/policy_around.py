"""Routes and roles from disk: `*.routes.yaml` and `*.roles.yaml`, below the same folders as the policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.adapters.policy_files import ROLES, ROUTES, gather
from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.surroundings import Surroundings

__all__ = ["GatheredAround", "gather_around"]


class GatheredAround(NamedTuple):
    """What the files say, what is wrong with them or could not be read, and their paths."""

    around: Surroundings
    findings: tuple[Diagnostic, ...]
    files: tuple[str, ...]


def gather_around(paths: Sequence[str]) -> GatheredAround:
    """The routes and roles of these folders and files. There may be none: then nothing is known of them.

    What cannot be read makes its kind unknown, beside a finding: no name is called wrong for a file that is missing.
    """
    routes, roles = gather(paths, ROUTES), gather(paths, ROLES)
    around, wrong = _read(routes.files, roles.files)
    around = around._replace(
        routes=None if routes.findings else around.routes, roles=None if roles.findings else around.roles
    )
    findings = dict.fromkeys((*routes.findings, *roles.findings, *wrong))
    return GatheredAround(around, tuple(findings), tuple(sorted((*routes.files, *roles.files))))


def _read(routes: Mapping[str, bytes], roles: Mapping[str, bytes]) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    if not routes and not roles:
        return Surroundings(), ()
    from hitl_fsm.policy.surrounding_files import read_surroundings  # noqa: PLC0415 - its models take long to make

    return read_surroundings(routes, roles)
