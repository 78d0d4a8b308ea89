"""The appendix with the policies' text as it was in force: each file in lines, the rules that decided marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hitl_fsm.audit.export.evidence.collect import Story
from hitl_fsm.audit.export.evidence.parts import Html, block, code, digest, join, short, tag
from hitl_fsm.audit.export.evidence.policy import File, files_of, rule_lines
from hitl_fsm.audit.export.words import rules_of


class Appendix:
    """Knows which rules of which files decided something, and where in this page they stand."""

    def __init__(self, texts: Mapping[str, str | None], stories: Iterable[Story]) -> None:
        self._sets = {key: None if text is None else files_of(text) for key, text in texts.items()}
        self._rules: dict[tuple[str, str], set[int]] = {}
        for story in stories:
            for line in story.lines:
                for rule in rules_of(line.data):
                    self._rules.setdefault((line.text("policies"), rule.file), set()).add(rule.line)
        self._places = {place: number for number, place in enumerate(self._rules, 1)}

    def anchor(self, policies: str, file: str, line: int) -> str:
        """Where a rule's text stands here."""
        number = self._places.get((policies, file))
        return "policies" if number is None else f"rule-{number}-{line}"

    def page(self) -> Html:
        """All sets, each file of each, those first that decided something."""
        parts: list[Html | str] = [tag("h2", "The policies that were in force", id="policies")]
        for key, files in self._sets.items():
            parts.append(tag("h3", "Set ", code(short(key))))
            parts.append(tag("p", "Digest: ", digest(key)))
            if files is None:
                parts.append(tag("p", "The store does not have the text of this set.", cls="absent"))
            else:
                decided = [file for file in files if self._decided(key, file)]
                others = [file for file in files if not self._decided(key, file)]
                parts += [self._file(key, file) for file in (*decided, *others)]
        if not self._sets:
            parts.append(tag("p", "No line names a set of policies."))
        return tag("section", *parts, cls="policies")

    def _decided(self, key: str, file: File) -> set[int]:
        return self._rules.get((key, file.name), set())

    def _file(self, key: str, file: File) -> Html:
        decided = self._decided(key, file)
        marked = {at: line for line in sorted(decided) for at in rule_lines(file, line)}
        number = self._places.get((key, file.name), 0)
        rows = []
        for at, text in enumerate(file.lines, 1):
            anchor = f' id="rule-{number}-{at}"' if at in decided else ""
            cls = ' class="hit"' if at in marked else ""
            shown = block(text)
            rows.append(f"<tr{cls}{anchor}><th>{at}</th><td>{shown.text}</td></tr>")
        listing = Html(f'<table class="listing"><tbody>{"".join(rows)}</tbody></table>')
        what = "the marked lines are the rules that decided here" if decided else "no rule of this file decided here"
        return join((tag("h4", code(file.name or "text")), tag("p", f"{what[0].upper()}{what[1:]}."), listing))
