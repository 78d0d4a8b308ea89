"""The record as events of the Open Cybersecurity Schema Framework (OCSF 1.8.0), one JSON object a line.

Two classes, and the reason for them:

- API Activity (6003) for what an agent does: runs, a model's replies, calls of tools, and the verdicts on them. There
  is a caller (`actor`), an operation (`api.operation`), and what a control made of it (`action_id`, profile
  `security_control`); a model's reply has `ai_model` (profile `ai_operation`).
- Entity Management (3004) for what people and policies govern: questions, votes and answers, grants, policies, roles,
  keys, holds, and looks at the record. Each is the creation, reading, change or end of one managed entity.

Authorize Session (3003) would say that privileges were given to a login, which no approval does.
The schema has no place for the person for whom a deputy acts, who is in `unmapped.on_behalf_of`.
`raw_data` is the exact line and `raw_data_hash` its leaf: what is in a SIEM can still be checked against the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.ocsf_events import ENTITIES, Activity, activity_of
from hitl_fsm.audit.export.span import provider_of
from hitl_fsm.audit.export.words import rules_of

VERSION: Final = "1.8.0"
"""Of the schema."""
_API_ACTIVITY: Final = 6003
_ENTITY_MANAGEMENT: Final = 3004

_CATEGORY = {_API_ACTIVITY: 6, _ENTITY_MANAGEMENT: 3}
_CLASS = {_API_ACTIVITY: "API Activity", _ENTITY_MANAGEMENT: "Entity Management"}
_SEVERITY = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_INFORMATIONAL = 1
_ACTIONS = {"allow": 1, "deny": 2, "gated": 99}
_USER_TYPES = {"human": 1, "service": 4, "agent": 4, "timer": 3}
_RESOURCE_UID = 10
_USER_NAME = 4
_OTHER = 99
_LEAF_ALGORITHM = "SHA-256(0x00 || raw_data)"
_encode = msgspec.json.Encoder().encode


def ocsf(entries: Iterable[Entry], *, version: str, source: str) -> Iterator[str]:
    """Lines of JSON; `version` is this program's, `source` the log."""
    for entry in entries:
        yield _encode(event(entry, version=version, source=source)).decode() + "\n"


def event(entry: Entry, *, version: str, source: str) -> dict[str, Any]:
    """One line of the record as an event."""
    activity = activity_of(entry.event)
    of_api = activity.entity == ""
    class_uid = _API_ACTIVITY if of_api else _ENTITY_MANAGEMENT
    told: dict[str, Any] = {
        "activity_id": activity.number,
        "activity_name": activity.name,
        "category_uid": _CATEGORY[class_uid],
        "class_uid": class_uid,
        "class_name": _CLASS[class_uid],
        "type_uid": class_uid * 100 + activity.number,
        "time": entry.at,
        "severity_id": _SEVERITY.get(entry.text("severity"), _INFORMATIONAL),
        "status_id": activity.status,
        **({"status": entry.event} if activity.status == _OTHER else {}),
        "message": _message(entry),
        "actor": _actor(entry),
        "src_endpoint": {"svc_name": "hitl-fsm", "type_id": 0},
        "metadata": _metadata(entry, version, source),
        "observables": _observables(entry, activity),
        "raw_data": entry.body.decode(),
        "raw_data_hash": {"algorithm_id": _OTHER, "algorithm": _LEAF_ALGORITHM, "value": entry.leaf},
        "raw_data_size": len(entry.body),
    }
    told |= _api(entry) if of_api else _entity(entry, activity)
    unmapped = {"on_behalf_of": entry.by.get("on_behalf_of"), "contents": entry.opened}
    if any(unmapped.values()):
        told["unmapped"] = {name: value for name, value in unmapped.items() if value}
    return told


def _metadata(entry: Entry, version: str, source: str) -> dict[str, Any]:
    profiles = [*(["security_control"] if "outcome" in entry.data else ())]
    profiles += ["ai_operation"] if entry.event == "model_replied" else []
    return {
        "version": VERSION,
        "product": {"name": "hitl-fsm", "vendor_name": "hitl-fsm", "version": version},
        "uid": entry.leaf,
        "sequence": entry.seq,
        "event_code": entry.event,
        "log_name": source,
        **({"correlation_uid": entry.run} if entry.run else {}),
        **({"profiles": profiles} if profiles else {}),
    }


def _actor(entry: Entry) -> dict[str, Any]:
    by = entry.by
    user: dict[str, Any] = {
        "uid": entry.actor,
        "name": entry.actor,
        "type_id": _USER_TYPES.get(str(by.get("kind", "human")), _OTHER),
    }
    if by.get("printed_name"):
        user["full_name"] = str(by["printed_name"])
    if by.get("person"):
        user["uid_alt"] = str(by["person"])
    roles = [{"name": str(role), "type": "role"} for role in by.get("roles", ())]
    groups = [{"name": str(group), "type": "group"} for group in by.get("groups", ())]
    if roles or groups:
        user["groups"] = [*roles, *groups]
    return {"user": user, "session": {"issuer": str(by.get("authenticated_by", "application"))}}


def _api(entry: Entry) -> dict[str, Any]:
    """What was called, under which identity, and what the policies made of it."""
    operation = entry.text("tool") or entry.event
    api: dict[str, Any] = {"operation": operation, "service": {"name": "hitl-fsm"}}
    if entry.text("call"):
        api["request"] = {"uid": f"{entry.run}/{entry.text('call')}"}
    told: dict[str, Any] = {"api": api}
    if entry.run:
        told["resources"] = [{"uid": entry.run, "type": "run"}]
    outcome = entry.text("outcome")
    if outcome:
        told |= _control(entry, outcome)
    if entry.event == "model_replied":
        told |= _model(entry)
    return told


def _control(entry: Entry, outcome: str) -> dict[str, Any]:
    action = _ACTIONS.get(outcome, _OTHER)
    told: dict[str, Any] = {"action_id": action, "action": {1: "Allowed", 2: "Denied"}.get(action, outcome)}
    rules = rules_of(entry.data)
    if rules:
        told["authorizations"] = [
            {
                "decision": rule.effect,
                "policy": {"name": rule.name, "uid": entry.text("policies"), "desc": rule.place, "is_applied": True},
            }
            for rule in rules
        ]
    if entry.text("policies"):
        told["policy"] = {"uid": entry.text("policies"), "type": "policy set", "is_applied": True}
    return told


def _model(entry: Entry) -> dict[str, Any]:
    model, tokens = entry.text("model") or "unknown", entry.data.get("tokens")
    told: dict[str, Any] = {"service": {"name": "hitl-fsm"}}
    if isinstance(tokens, list) and len(tokens) == len(_TOKENS) and all(isinstance(one, int) for one in tokens):
        told |= dict(zip(_TOKENS, tokens, strict=True)) | {"total_tokens": sum(tokens)}
    provider = entry.text("provider") or provider_of(model)
    return {"ai_model": {"name": model, "ai_provider": provider}, "message_context": told}


_TOKENS = ("prompt_tokens", "completion_tokens")


def _entity(entry: Entry, activity: Activity) -> dict[str, Any]:
    """What was changed: by its id, with what the line says of it."""
    uid = next((entry.text(name) for name in ENTITIES[activity.entity] if entry.text(name)), "") or entry.run
    entity: dict[str, Any] = {"type": activity.entity, "type_id": _OTHER, "uid": uid or entry.event}
    told: dict[str, Any] = {"entity": {**entity, **({"data": entry.data} if entry.data else {})}}
    note = entry.content("note") or entry.content("reason")
    if isinstance(note, str):
        told["comment"] = note
    return told


def _message(entry: Entry) -> str:
    about = entry.text("tool") or entry.text("requirement") or entry.run
    return f"{entry.event} by {entry.actor}" + (f": {about}" if about else "")


def _observables(entry: Entry, activity: Activity) -> list[dict[str, Any]]:
    """By what an analyst looks for more: who, and which run, question and action."""
    found = [{"name": "actor.user.name", "type_id": _USER_NAME, "type": "User Name", "value": entry.actor}]
    if not activity.entity and entry.run:
        about = {"name": "resources.uid", "type_id": _RESOURCE_UID, "type": "Resource UID", "value": entry.run}
        found.append(about)
    if entry.text("digest"):
        about = {"name": "action digest", "type_id": _OTHER, "type": "Action digest", "value": entry.text("digest")}
        found.append(about)
    return found
