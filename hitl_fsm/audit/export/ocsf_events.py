"""Which class and activity of OCSF an event of the record is. An event that is not named here is API activity."""

from __future__ import annotations

from typing import Final, NamedTuple

SUCCESS, FAILURE, UNKNOWN = 1, 2, 0


class Activity(NamedTuple):
    """`number` and `name` of the activity in its class; `entity` is what is managed, "" for API activity."""

    number: int
    name: str
    entity: str = ""
    status: int = SUCCESS


_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_NAMES = {_CREATE: "Create", _READ: "Read", _UPDATE: "Update", _DELETE: "Delete"}
_ACTIVATE, _DEACTIVATE, _SUSPEND = 10, 11, 12

ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "requirement": ("requirement",),
    "grant": ("grant", "grant_id"),
    "policy set": ("policies", "digest"),
    "override": ("requirement",),
    "delegation": ("delegation", "delegation_id"),
    "role": ("person", "subject", "role"),
    "key": ("key", "new", "name"),
    "hold": ("hold", "hold_id"),
    "reader": ("reader",),
    "subject": ("subject", "person"),
    "record": ("export", "digest", "run"),
    "delivery": ("delivery", "requirement", "call"),
}
"""What is managed, and the names under which a line may have its id."""


def _managed(entity: str, number: int, status: int = SUCCESS) -> Activity:
    names = {**_NAMES, _ACTIVATE: "Activate", _DEACTIVATE: "Deactivate", _SUSPEND: "Suspend"}
    return Activity(number, names[number], entity, status)


ACTIVITIES: Final[dict[str, Activity]] = {
    "run_created": Activity(_CREATE, "Create"),
    "run_failed": Activity(_UPDATE, "Update", status=FAILURE),
    "model_failed": Activity(_OTHER, "model_failed", status=FAILURE),
    "call_denied": Activity(_OTHER, "call_denied", status=FAILURE),
    "call_failed": Activity(_OTHER, "call_failed", status=FAILURE),
    "call_withheld": Activity(_OTHER, "call_withheld", status=FAILURE),
    "call_lost": Activity(_OTHER, "call_lost", status=UNKNOWN),
    "requirement_opened": _managed("requirement", _CREATE),
    "requirement_viewed": _managed("requirement", _READ),
    "requirement_presented": _managed("requirement", _READ),
    "requirement_voted": _managed("requirement", _UPDATE),
    "requirement_advised": _managed("requirement", _UPDATE),
    "requirement_vote_withdrawn": _managed("requirement", _UPDATE),
    "requirement_reminded": _managed("requirement", _UPDATE),
    "requirement_escalated": _managed("requirement", _UPDATE),
    "requirement_resolved": _managed("requirement", _UPDATE),
    "requirement_rejected": _managed("requirement", _UPDATE, FAILURE),
    "requirement_expired": _managed("requirement", _DEACTIVATE, FAILURE),
    "requirement_cancelled": _managed("requirement", _DEACTIVATE),
    "requirement_superseded": _managed("requirement", _DEACTIVATE),
    "approval_revoked": _managed("requirement", _UPDATE),
    "break_glass": _managed("override", _CREATE),
    "override_reviewed": _managed("override", _UPDATE),
    "grant_made": _managed("grant", _CREATE),
    "grant_used": _managed("grant", _UPDATE),
    "grant_revoked": _managed("grant", _DELETE),
    "policies_activated": _managed("policy set", _ACTIVATE),
    "policy_changed": _managed("policy set", _ACTIVATE),
    "policies_refused": _managed("policy set", _ACTIVATE, FAILURE),
    "people_activated": _managed("role", _UPDATE),
    "people_refused": _managed("role", _UPDATE, FAILURE),
    "role_changed": _managed("role", _UPDATE),
    "delegation_made": _managed("delegation", _CREATE),
    "delegation_ended": _managed("delegation", _DELETE),
    "key_added": _managed("key", _CREATE),
    "key_rotated": _managed("key", _UPDATE),
    "hold_placed": _managed("hold", _CREATE),
    "hold_released": _managed("hold", _DELETE),
    "subject_erased": _managed("subject", _DELETE),
    "runs_forgotten": _managed("record", _DELETE),
    "record_pruned": _managed("record", _DELETE),
    "reader_retired": _managed("reader", _DELETE),
    "record_read": _managed("record", _READ),
    "record_exported": _managed("record", _READ),
    "checkpoint_anchored": _managed("record", _UPDATE),
    "notice_retried": _managed("delivery", _UPDATE),
    "dispatch_repeated": _managed("delivery", _UPDATE),
}
"""By event."""


def activity_of(event: str) -> Activity:
    """The row of an event; what none names is API activity of its own name."""
    return ACTIVITIES.get(event) or Activity(_OTHER, event)
