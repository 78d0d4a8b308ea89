"""A policy from flags that tools have in code: one rule a tool, as YAML with comments.

The words of the flags are Agno's, which other libraries share. Each tool gets a line, those without a flag too: whoever
reads the file sees what happens at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hitl_fsm.model.visible import visible
from hitl_fsm.policy.ask_user import ASK_USER

TEXT_MAX = 1_000
"""Characters of a text in a form that the code gives no bound."""
ITEMS_MAX = 100
"""Items of a list in such a form."""
APPROVAL_EXPIRES = "7d"
ASKING = frozenset({"get_user_input", ASK_USER})
"""Tools by which an agent asks a person; `ask_user` is what takes their place."""

_WIDTH = 110
_SHOWN = 90  # characters of a description that a comment repeats
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.@/*-]*(:[A-Za-z0-9_./-]+)?|[1-9][0-9]*[dhms]")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]+")
_ID_MAX = 60
_SHORT = frozenset({"enum", "const", "maxLength", "pattern", "format"})
_WITHOUT = frozenset({"title", "default", "examples"})


class Flagged(NamedTuple):
    """A tool as the code has it. `flags` are those that are set, by their own names; `form` is the JSON Schema of what
    a person is to fill in.
    """

    name: str
    description: str = ""
    flags: Mapping[str, Any] = {}
    form: Mapping[str, Any] | None = None


class Heading(NamedTuple):
    """What the code does not tell: `source` is where the flags were, `approver` the subject that may approve."""

    name: str
    owner: str
    source: str
    approver: str


def gates_of(tool: Flagged, approver: str) -> list[Any]:
    """What its flags ask for, as a rule's `gate`: words and mappings, in the order in which they are passed."""
    flags = tool.flags
    gates: list[Any] = []
    if tool.name in ASKING:
        return ["audit"]
    if flags.get("approval_type") == "audit":
        gates.append("audit")
    asks = bool(flags.get("requires_user_input"))
    if asks and tool.form:
        gates.append({"user_input": {"schema": dict(tool.form), "of": ["requester"]}})
    if flags.get("approval_type") == "required":
        terms = {"of": [approver], "not": ["requester"], "expires": APPROVAL_EXPIRES, "on_expiry": "deny"}
        gates.append({"approval": terms})
    elif flags.get("requires_confirmation") or (asks and not tool.form):
        gates.append("confirm")
    if flags.get("external_execution"):
        silent = {"silent": True} if flags.get("external_execution_silent") else {}
        gates.append({"external": {"route": rule_id(tool.name), **silent}})
    return gates or ["audit"]


def rule_id(name: str) -> str:
    """The tool's name as the name of a rule or a route."""
    return _NOT_IN_ID.sub("-", name).strip("._-")[:_ID_MAX] or "tool"


def policy_text(tools: Sequence[Flagged], heading: Heading, left_out: Sequence[str] = ()) -> str:
    """The whole file. `left_out` are lines about what no rule could be written for."""
    covered = list(dict.fromkeys(_covered(tool) for tool in tools))
    lines = [
        f"# From the flags in the code of {visible(heading.source)}. This file decides now; the flags can go.",
        "#",
        "# All rules that match a call count, and the strictest wins. `audit` runs at once, and is on the record;",
        "# `confirm` asks the run's own user. A tool that is not listed here is refused.",
        "apiVersion: hitl-fsm/v1",
        "kind: Policy",
        f"name: {_scalar(heading.name)}",
        f"owner: {_scalar(heading.owner)}",
        f"description: {_scalar(f'What the tools of {visible(heading.source)} asked for in code.')}",
        "tools:",
        *(f"  - {_scalar(name)}" for name in covered),
        "rules:",
    ]
    for index, rule in enumerate(_rules(tools, heading.approver)):
        lines += [*([""] if index else []), *rule]
    if left_out:
        lines += ["", "# Without a rule:", *(f"# - {visible(line)}" for line in left_out)]
    return "\n".join(lines) + "\n"


def _covered(tool: Flagged) -> str:
    return ASK_USER if tool.name in ASKING else tool.name


def _rules(tools: Iterable[Flagged], approver: str) -> Iterator[list[str]]:
    """Tools of one name that ask for the same are one rule; otherwise each has its own, and both count."""
    taken: set[str] = set()
    seen: list[tuple[str, list[Any]]] = []
    for tool in tools:
        gates = gates_of(tool, approver)
        if (_covered(tool), gates) in seen:
            continue
        seen.append((_covered(tool), gates))
        name = base = rule_id(tool.name)
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        yield [
            *(f"  # {line}" for line in _comments(tool)),
            f"  - id: {_scalar(name)}",
            f"    tools: {_scalar(_covered(tool))}",
            *_entry("gate", gates[0] if len(gates) == 1 else gates, "    "),
        ]


def _comments(tool: Flagged) -> Iterator[str]:
    words = " ".join(tool.description.split())
    if words:
        yield visible(words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…")
    if tool.name in ASKING:
        if tool.name != ASK_USER:
            yield f"`{tool.name}` is the built-in `{ASK_USER}` here: Agent(tools=[{ASK_USER}, …])."
        yield "It waits for the answer in any case; rules can limit what may be asked."
        return
    said = ", ".join(f"{name}={value!r}" for name, value in tool.flags.items())
    yield f"in the code: {visible(said)}" if said else "in the code: no flag, so it ran at once."
    if tool.flags.get("approval_type") == "required":
        yield "The code did not say who approves, or until when; the requester does not, and time never says yes."
    if tool.flags.get("requires_user_input") and not tool.form:
        yield "The code named no field to fill in: somebody is asked whether it may run."
    if tool.flags.get("external_execution"):
        yield "Whoever carries it out reports the result; the route is only a name."


# -- forms


def form_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The form out of pydantic's schema of an object: closed, and with a bound for each text and list."""
    made: dict[str, Any] = {"type": "object"}
    required = list(fields.get("required", ()))
    if required:
        made["required"] = required
    made["properties"] = {name: bounded(schema) for name, schema in fields.get("properties", {}).items()}
    made["additionalProperties"] = False
    if "$defs" in fields:
        made["$defs"] = {name: bounded(schema) for name, schema in fields["$defs"].items()}
    return made


def bounded(schema: Any) -> Any:
    """The same schema with bounds where it has none, without titles and defaults, and without null beside a type."""
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Any] = {key: _part(key, value) for key, value in schema.items() if key not in _WITHOUT}
    several = [one for one in made.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in made and len(several) == 1:
        del made["anyOf"]
        made = {**several[0], **made}
    if made.get("type") == "string" and not _SHORT & made.keys():
        made["maxLength"] = TEXT_MAX
    if made.get("type") == "array":
        made.setdefault("maxItems", ITEMS_MAX)
    if made.get("type") == "object" and made.get("properties"):
        made.setdefault("additionalProperties", False)
    return made


def _part(key: str, value: Any) -> Any:
    if key in {"properties", "$defs", "patternProperties"} and isinstance(value, Mapping):
        return {name: bounded(schema) for name, schema in value.items()}
    if key in {"anyOf", "oneOf", "allOf", "prefixItems"} and isinstance(value, Sequence):
        return [bounded(schema) for schema in value]
    return bounded(value) if key in {"items", "additionalProperties"} else value


# -- YAML


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    """`key: value`, on one line where it fits."""
    flow = f"{indent}{_scalar(key)}: {_flow(value)}"
    if len(flow) <= _WIDTH or not isinstance(value, (dict, list)) or not value:
        yield flow
    elif isinstance(value, dict):
        yield f"{indent}{_scalar(key)}:"
        for inner, item in value.items():
            yield from _entry(inner, item, indent + "  ")
    else:
        yield f"{indent}{_scalar(key)}:"
        for item in value:
            if isinstance(item, dict) and len(flow := f"{indent}  - {_flow(item)}") > _WIDTH:
                first, *rest = [line for inner, one in item.items() for line in _entry(inner, one, indent + "    ")]
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
            else:
                yield f"{indent}  - {_flow(item)}"


def _flow(value: Any) -> str:
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(str(key))}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return json.dumps(value)


def _scalar(text: str) -> str:
    """Plain where nobody can misread it, else in double quotes with every unusual character as an escape."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return "\\" + char
    return char if visible(char) == char else f"\\U{ord(char):08x}"
