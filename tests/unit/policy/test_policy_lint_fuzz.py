"""The lint raises on nothing that a policy file may hold, and says nothing without a place in the file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lint_samples import FIXTURES, ROOT, project_of

from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.surroundings import Surroundings

SEEDS = sorted(
    path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("policies/**/*.policy.yaml"), *FIXTURES.rglob("*.policy.yaml")]
)
WORDS = [
    *("allow", "deny", '"*"', "[]", "{}", "null", "true", "false", "-1", "1e308", "requester", "role:finance", "é"),
    *("enum: []", "$ref: '#/$defs/a'", "minLength: 99", "quorum: 100", "# hitl-fsm: ignore HF205 because x", ""),
]
AROUND = Surroundings(routes=frozenset({"bank"}), roles={"finance": frozenset({"ann"})})


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_changed_files_are_linted_without_an_error(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(SEEDS)).split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[at])))
        end = start + data.draw(st.integers(0, 8))
        lines[at] = lines[at][:start] + data.draw(st.sampled_from(WORDS)) + lines[at][end:]
        if data.draw(st.booleans()):
            lines.insert(at, lines[data.draw(st.integers(0, len(lines) - 1))])
    project = project_of({"policies/a/a.policy.yaml": "\n".join(lines)}, AROUND)
    for finding in lint(project):
        assert 1 <= finding.place.line <= len(lines)
        assert 1 <= finding.place.column <= len(lines[finding.place.line - 1]) + 1
        assert finding.excerpt == lines[finding.place.line - 1]
