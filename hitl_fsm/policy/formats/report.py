"""What a check found, as every format shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.visible import visible

Level = Literal["error", "warning", "info"]
_OTHERS = {
    ".workflow.yaml": "workflow",
    ".roles.yaml": "roles file",
    ".routes.yaml": "routes file",
    ".calendar.yaml": "calendar",
}
LEVELS: tuple[Level, ...] = ("error", "warning", "info")


class Report(NamedTuple):
    """`findings` are in order of place; `files` are all that were looked at, by the same names as in the findings.

    `policies` and `rules` count what loads, 0 where something does not. `strict`: a warning is as bad as an error.
    `base` is the absolute folder that relative names start from, with `/` between its parts; "" where nobody told.
    """

    findings: tuple[Diagnostic, ...]
    files: tuple[str, ...] = ()
    policies: int = 0
    rules: int = 0
    strict: bool = False
    base: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing stands against using the files."""
        return not any(self.is_blocking(found) for found in self.findings)

    def is_blocking(self, found: Diagnostic) -> bool:
        """Errors, and with `strict` warnings. An info never is."""
        level = level_of(found)
        return level == "error" or (self.strict and level == "warning")

    @property
    def worst(self) -> Diagnostic | None:
        """The first finding of the worst level; None where there is none."""
        return min(self.findings, key=lambda found: LEVELS.index(level_of(found)), default=None)

    def counts(self) -> dict[Level, int]:
        """How many findings there are of each level."""
        levels = [level_of(found) for found in self.findings]
        return {level: levels.count(level) for level in LEVELS}


def level_of(found: Diagnostic) -> Level:
    """A severity that nobody knows is an error."""
    for level in LEVELS:
        if level == found.severity:
            return level
    return "error"


def headline(found: Diagnostic) -> str:
    """Place, code and message in one line; what is no error says so."""
    place, level = found.place, level_of(found)
    word = "" if level == "error" else f" {level}:"
    return f"{visible(place.file)}:{place.line}:{place.column} {found.code}{word} {visible(found.message)}"


def summary(report: Report) -> str:
    """One line: how many of which level in how many files, or that all is well."""
    if not report.findings:
        return f"{', '.join(_looked_at(report))}: ok"
    counts = report.counts()
    words = {"error": _many(counts["error"], "error"), "warning": _many(counts["warning"], "warning")}
    words["info"] = f"{counts['info']} info"
    told = ", ".join(words[level] for level in LEVELS if counts[level])
    files = _many(len({found.place.file for found in report.findings}), "file")
    return f"{told} in {files}" + (": ok" if report.ok else "")


def _looked_at(report: Report) -> list[str]:
    others = {word: sum(file.endswith(suffix) for file in report.files) for suffix, word in _OTHERS.items()}
    told = [_many(count, word) for word, count in others.items() if count]
    policies = [_many(report.policies, "policy"), _many(report.rules, "rule")]
    return [*(policies if report.policies or not told else ()), *told]


def as_objects(diagnostics: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """One object a finding; `help` and `excerpt` are null where there is none."""
    return [
        {
            "code": found.code,
            "severity": level_of(found),
            "message": found.message,
            "file": found.place.file,
            "line": found.place.line,
            "column": found.place.column,
            "width": found.width,
            "help": found.help,
            "excerpt": found.excerpt,
        }
        for found in diagnostics
    ]


def by_file(report: Report) -> Mapping[str, list[Diagnostic]]:
    """The findings of every file, also of those without any and of paths that are no file."""
    found: dict[str, list[Diagnostic]] = {file: [] for file in report.files}
    for one in report.findings:
        found.setdefault(one.place.file, []).append(one)
    return found


def _many(count: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"
