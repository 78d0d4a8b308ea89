"""Findings as SARIF 2.1.0 (OASIS), which code hosts and editors read.

Columns count UTF-16 code units, as the format's readers do by default. Names of files are URI references, relative to
where the check was made; where that is on this machine is not told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible
from hitl_fsm.policy.codes import MEANINGS, Code
from hitl_fsm.policy.formats.report import Report, level_of
from hitl_fsm.policy.lint.all import RULES as LINT_RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"
RULES = "urn:hitl-fsm:rule:"
ROOT = "%SRCROOT%"
FINGERPRINT = "hitlFsmFinding/v1"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_CODES = {code.value: code for code in Code}
_LINT = {rule.RULE.code: rule.RULE for rule in LINT_RULES}


def render(report: Report, version: str = "") -> str:
    """The log, indented, in ASCII. `version` is this program's."""
    return json.dumps(as_object(report, version), indent=2)


def as_object(report: Report, version: str = "") -> dict[str, Any]:
    """One run with the rules that were broken, and a result for each finding."""
    rules = sorted({found.code: found for found in reversed(report.findings)}.items())
    index = {code: number for number, (code, _) in enumerate(rules)}
    driver: dict[str, Any] = {"name": "hitl-fsm", "rules": [_rule(found) for _, found in rules]}
    if version:
        driver["version"] = version
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [{"executionSuccessful": True, "exitCode": 0 if report.ok else 1}],
                "columnKind": "utf16CodeUnits",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The folder in which the check was made."}}},
                "artifacts": [{"location": _location(file, report.base)} for file in report.files],
                "results": _results(report, index),
            }
        ],
    }


def _rule(found: Diagnostic) -> dict[str, Any]:
    code = found.code
    known = _CODES.get(code)
    meaning, remedy = MEANINGS[known] if known is not None else (_title(code), "")
    more = f"`hitl-fsm help {code}` tells more."
    return {
        "id": code,
        "name": _name(code),
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": f"{meaning} {remedy}".strip()},
        "help": {"text": f"{remedy} {more}".strip(), "markdown": f"{remedy}\n\n{more}".strip()},
        "helpUri": f"{RULES}{code}",
        "defaultConfiguration": {"level": _LEVELS[level_of(found)]},
    }


def _title(code: str) -> str:
    return f"{_LINT[code].title}." if code in _LINT else "A finding of another part of the program."


def _name(code: str) -> str:
    """In the manner of the format: `DuplicateKey`, `NoOwner`."""
    if code in _LINT:
        return _LINT[code].name.title().replace("-", "")
    return _CODES[code].name.title().replace("_", "") if code in _CODES else code


def _results(report: Report, index: dict[str, int]) -> list[dict[str, Any]]:
    seen: dict[str, int] = {}
    results = []
    for found in report.findings:
        hint = f" Hint: {visible(found.help)}" if found.help else ""
        results.append(
            {
                "ruleId": found.code,
                "ruleIndex": index[found.code],
                "level": _LEVELS[level_of(found)],
                "message": {"text": f"{visible(found.message)}{'.' if hint else ''}{hint}"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": _location(found.place.file, report.base),
                            "region": _region(found),
                        }
                    }
                ],
                "partialFingerprints": {FINGERPRINT: _fingerprint(found, report.base, seen)},
            }
        )
    return results


def _region(found: Diagnostic) -> dict[str, Any]:
    """1-based; the end is that of the caret run, exclusive."""
    line = found.excerpt or ""
    column = found.place.column
    start = units(line[: column - 1]) + 1 if len(line) >= column - 1 else column
    width = max(1, units(line[column - 1 : column - 1 + found.width])) if line else found.width
    region: dict[str, Any] = {"startLine": found.place.line, "startColumn": start, "endColumn": start + width}
    if found.excerpt is not None:
        region["snippet"] = {"text": found.excerpt}
    return region


def units(text: str) -> int:
    """UTF-16 code units: two for a character beyond the first plane."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fingerprint(found: Diagnostic, base: str, seen: dict[str, int]) -> str:
    """The same when lines move: of code, file, the line's own text and message; equal ones count up."""
    parts = (found.code, _uri(found.place.file, base), (found.excerpt or "").strip(), found.message)
    same = json.dumps(parts)
    seen[same] = seen.get(same, 0) + 1
    return hashlib.sha256(f"{same}:{seen[same]}".encode()).hexdigest()[:32]


def _location(file: str, base: str) -> dict[str, Any]:
    uri = _uri(file, base)
    return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": ROOT}


def _uri(file: str, base: str) -> str:
    """A reference relative to `base`, percent-encoded; a whole `file:` URI for what lies elsewhere."""
    base = base.rstrip("/")
    if file.startswith("/") and base and (file == base or file.startswith(f"{base}/")):
        file = file[len(base) :].lstrip("/") or "."
    if not file.startswith("/"):
        return _encoded(_plain(file.split("/")))
    return f"file://{_encoded(file)}"


def _plain(parts: Sequence[str]) -> str:
    """Without `.` and doubled slashes, and without a `..` that takes a step back from a name."""
    kept: list[str] = []
    for part in parts:
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in {"", "."}:
            kept.append(part)
    return "/".join(kept) or "."


def _encoded(path: str) -> str:
    data = path.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in data)
