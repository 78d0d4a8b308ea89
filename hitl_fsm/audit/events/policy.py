"""Policies: which set is in force, and what a change of sets meant for a run that waited."""

from __future__ import annotations

from hitl_fsm.audit.events.base import CallId, Count, Data, Names, PolicyDigest


class PoliciesActivated(Data):
    """A set of policies is in force from now on; its text is kept under the digest.

    `was`, `why` and `worker` are there where it took another one's place while a worker ran.
    """

    policies: PolicyDigest
    files: Names
    default: str
    was: PolicyDigest = ""
    why: str = ""
    worker: str = ""


class PoliciesRefused(Data):
    """Changed policy files do not load: the set in force stays. `count` findings, the first of them in words."""

    in_force: PolicyDigest
    why: str
    worker: str
    count: Count
    findings: Names


class PolicyChanged(Data):
    """Calls that waited were judged again: the policies changed meanwhile, or grants on which they relied ended."""

    policies: PolicyDigest
    calls: tuple[CallId, ...]
    revoked: Names = ()


EVENTS: dict[str, type[Data]] = {
    "policies_activated": PoliciesActivated,
    "policies_refused": PoliciesRefused,
    "policy_changed": PolicyChanged,
}
