"""Secrets that only a name tells: `{"db_password": …}`, `{"name": "API_KEY", "value": …}`, also inside a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import re2  # type: ignore[import-untyped]

from hitl_fsm.audit.redact_kinds import EDGE
from hitl_fsm.model.secret_names import NAME_LIMIT, asks_for_secret, is_for_login, is_for_several

NAMED_HINT = (
    r"(?i:pass[^A-Za-z]*(?:w|phrase|code|key)|pass[^A-Za-z]|pwd|pw[^A-Za-z]|pswd|secret|cv[vc]|otp|token|jwt|cookie|"
    r"mnemonic|credential|authorization|"
    r"(?:api|access|account|auth|encryption|master|private|secret|session|shared|signing|ssh)[^A-Za-z]*key|"
    r"(?:auth|backup|mfa|otp|pin|recovery|security|verification)[^A-Za-z]*code|"
    r"(?:seed|recovery|secret)[^A-Za-z]*phrase|card[^A-Za-z]*number|(?:bank|card|sim)[^A-Za-z]*pin)|"
    rf"{EDGE}(?i:pin|puk|bearer)"
)
"""It finds at least every name of such a member, where no word follows at its end."""
_LOGIN = re2.compile(
    r"(?i)^\s*(?:api-?key|aws4-[a-z0-9-]+|basic|bearer|bot|digest|dpop|hawk|hmac[a-z0-9-]*|key|negotiate|ntlm|oauth|"
    r"signature|splunk|sso-key|token)\s+\S|^\S{20,}$"
)
"""What HTTP has there: how one is known, and the proof; or the proof alone."""
_OF_SCHEMAS = frozenset(
    {"$comment", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "deprecated", "description",
     "enum", "examples", "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
     "not", "nullable", "oneOf", "pattern", "prefixItems", "properties", "readOnly", "required", "title", "type",
     "uniqueItems", "writeOnly"}
)  # fmt: skip


MEMBER = (
    r"""["'][^"'\\]+\\*["']\s*:\s*"""
    r"""(?:\\+"([^"\\]+)|\\+'([^'\\]+)|"((?:[^"\\]|\\.)+)|'((?:[^'\\]|\\.)+)|(-?[0-9][0-9.]*))"""
)
"""A member as JSON and programs write it, also where the text is JSON in JSON; what it has is the group."""
_AROUND = "\\\"' \t\r\n"
_HEAD_CHARS = 2 * NAME_LIMIT
_LABELS = frozenset({"name", "key", "field", "header", "where"})
_VALUES = frozenset({"value", "was", "now"})
_INDEX = re.compile(r"\[[0-9]+\]")


def members(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Of what a member has, in a text: all of it, where its name says so."""
    head = text[max(0, start - _HEAD_CHARS) : start].rstrip(_AROUND).removesuffix(":").rstrip(_AROUND)
    value: object = 1 if text[start] in "-0123456789" and text[start - 1] not in _AROUND[:3] else text[start:end]
    if holds_secret(head[max(head.rfind('"'), head.rfind("'")) + 1 :], value):
        yield start, end


def label_of(value: Mapping[str, Any]) -> str:
    """What names what is in it, where it is a row of names and values; "" where it is none."""
    told = (one for key, one in value.items() if key.lower() in _LABELS and isinstance(one, str))
    return next(told, "")


def is_labelled_secret(label: str, name: str, value: Any) -> bool:
    """Whether a row's value is one: a label may be a path, and what is within a secret is secret."""
    if not label or name.lower() not in _VALUES:
        return False
    return any(holds_secret(_INDEX.sub("", part), value) for part in label[:_HEAD_CHARS].split("."))


def holds_secret(name: str, value: Any) -> bool:
    """Whether what a member of this name has is a secret, as a whole."""
    if isinstance(value, bool) or value is None:
        return False
    if is_for_login(name):
        return isinstance(value, str) and _LOGIN.search(value) is not None
    return asks_for_secret(name) and _tells(value, numbers=not is_for_several(name))


def _tells(value: Any, *, numbers: bool) -> bool:
    """Whether it has text or, unless it says how many there are, a number. A form's members have such names, too."""
    if isinstance(value, dict):
        return not _declares(value) and any(_tells(one, numbers=numbers) for one in value.values())
    if isinstance(value, list):
        return any(_tells(one, numbers=numbers) for one in value)
    if isinstance(value, str):
        return value != ""
    return numbers and isinstance(value, int | float) and not isinstance(value, bool)


def _declares(value: dict[str, Any]) -> bool:
    """Whether it is a schema of what somebody is asked for."""
    return all(key in _OF_SCHEMAS or key.startswith("x-") for key in value)
