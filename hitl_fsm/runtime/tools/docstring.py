"""What a docstring says to the model: its text, and a line for each parameter (Google, NumPy and reST styles)."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

_SECTION = re.compile(
    r"(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters|Returns?|Yields?|Raises"
    r"|Warns|Examples?|Notes?|References|See Also|Todo|Attributes)",
)
_PARAMETERS = re.compile(r"(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Other Parameters)")
_GOOGLE = re.compile(r"(?P<name>\*{0,2}\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")
_NUMPY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_REST = re.compile(
    r":(?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?\*{0,2}(?P<name>\w+)\s*:\s*(?P<text>.*)"
)
_REST_FIELD = re.compile(r":\w[^:]*:")
_UNDERLINE = re.compile(r"-{3,}")


class Docstring(NamedTuple):
    """`text` is everything before the first section; `parameters` has a description for each one that is described."""

    text: str
    parameters: dict[str, str]


def read_docstring(raw: str | None) -> Docstring:
    """Lenient: what is not understood is left out, never an error."""
    lines = inspect.cleandoc(raw or "").splitlines()
    end = next((i for i in range(len(lines)) if _header(lines, i) or _REST_FIELD.match(lines[i])), len(lines))
    parameters: dict[str, str] = {}
    for index in range(end, len(lines)):
        style = _header(lines, index)
        if style and _PARAMETERS.fullmatch(lines[index].strip().rstrip(":")):
            parameters |= _google(lines, index + 1) if style == "google" else _numpy(lines, index + 2)
        elif match := _REST.match(lines[index]):
            parameters[match["name"]] = _joined([match["text"], *_deeper(lines, index + 1, 0)])
    return Docstring("\n".join(lines[:end]).strip(), {name: text for name, text in parameters.items() if text})


def _header(lines: list[str], index: int) -> str:
    line = lines[index].rstrip()
    if line.endswith(":") and _SECTION.fullmatch(line[:-1]):
        return "google"
    if _SECTION.fullmatch(line) and index + 1 < len(lines) and _UNDERLINE.fullmatch(lines[index + 1].strip()):
        return "numpy"
    return ""


def _google(lines: list[str], start: int) -> dict[str, str]:
    found: dict[str, str] = {}
    body = _deeper(lines, start, 0)
    margin = min((_indent(line) for line in body if line.strip()), default=0)
    for index, line in enumerate(body):
        match = _GOOGLE.fullmatch(line.strip())
        if match and _indent(line) == margin:
            found[match["name"].lstrip("*")] = _joined([match["text"], *_deeper(body, index + 1, margin)])
    return found


def _numpy(lines: list[str], start: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for index in range(start, len(lines)):
        if _header(lines, index):
            break
        match = _NUMPY.fullmatch(lines[index].rstrip())
        if match:
            text = _joined(_deeper(lines, index + 1, 0))
            found |= {name.strip().lstrip("*"): text for name in match["names"].split(",")}
    return found


def _deeper(lines: list[str], start: int, margin: int) -> list[str]:
    """The lines from `start` that are blank or indented by more than `margin`."""
    end = start
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > margin):
        end += 1
    return lines[start:end]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
