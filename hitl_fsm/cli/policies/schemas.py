"""The JSON Schemas of what this program writes, generated from the values themselves."""

from __future__ import annotations

import json
from inspect import cleandoc
from typing import Any

import msgspec

from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.policy.catalogue import ToolCatalogue
from hitl_fsm.runtime.presenting.presentation import Presentation

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAMESPACE = "urn:hitl-fsm:schema"


VALUES: dict[str, Any] = {
    "entry": Entry,
    "presentation": Presentation,
    "requirement": Requirement,
    "run": Run,
    "tools": ToolCatalogue,
}
"""By the name of their file. `entry` is a line of a run's log, `tools` a tools.json."""


def schemas() -> dict[str, dict[str, Any]]:
    """All of them, by name."""
    from hitl_fsm.policy.around_schema import roles_schema, routes_schema  # noqa: PLC0415 - with pydantic
    from hitl_fsm.policy.calendar_schema import calendar_schema  # noqa: PLC0415 - as above
    from hitl_fsm.policy.schema import policy_schema  # noqa: PLC0415 - as above
    from hitl_fsm.policy.testing.schema import policytest_schema  # noqa: PLC0415 - as above
    from hitl_fsm.policy.workflows.schema import workflow_schema  # noqa: PLC0415 - as above

    made = {name: _of(name, value) for name, value in VALUES.items()}
    language = {"policy": policy_schema(), "policytest": policytest_schema(), "workflow": workflow_schema()}
    files = {"routes": routes_schema(), "roles": roles_schema(), "calendar": calendar_schema()}
    return {**language, **files, **made, **_of_record()}


def _of_record() -> dict[str, dict[str, Any]]:
    """`record` is any line of the audit log, `record/<event>.v<version>` that of one event."""
    from hitl_fsm.audit.events.all import EVENTS, line_schemas, union_schema  # noqa: PLC0415 - with pydantic
    from hitl_fsm.policy.schema import plain_schema  # noqa: PLC0415 - as above

    found = {"record": _headed("record", plain_schema(union_schema()))}
    for event, schema in line_schemas().items():
        name = f"record/{event}.v{EVENTS[event].VERSION}"
        found[name] = _headed(name.rpartition(".")[0].replace("/", ":"), plain_schema(schema), EVENTS[event].VERSION)
    return found


def file_text(schema: dict[str, Any]) -> str:
    """As it stands in `schemas/<name>.schema.json`."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def file_name(name: str) -> str:
    """The schema's file."""
    return f"{name}.schema.json"


def _of(name: str, value: Any) -> dict[str, Any]:
    return _headed(name, msgspec.json.schema(value))


def _headed(name: str, schema: dict[str, Any], version: int = 1) -> dict[str, Any]:
    return {"$schema": DRAFT, "$id": f"{NAMESPACE}:{name}:v{version}", **_tidy(schema)}


def _tidy(node: Any) -> Any:
    """The same schema, without the indentation that docstrings have in the source."""
    if isinstance(node, dict):
        return {key: cleandoc(value) if _is_text(key, value) else _tidy(value) for key, value in node.items()}
    return [_tidy(one) for one in node] if isinstance(node, list) else node


def _is_text(key: str, value: Any) -> bool:
    return key == "description" and isinstance(value, str)
