"""A file with very many findings is told in time, and nothing of it is lost in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from policy_samples import policy, reader

from costs import soon
from hitl_fsm.policy.bounded import MAX_FINDINGS, bounded
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.formats import data, junit, sarif, text
from hitl_fsm.policy.formats.report import Report
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.source import parse
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.testing.read import read_test

ON_ONE_LINE = "[" + ", ".join(["1"] * 19_000) + "]"
SOON_S = 15


@pytest.mark.parametrize("value", [ON_ONE_LINE, ON_ONE_LINE.replace(", ", ",\n  ").replace("[1", "[\n  1")])
def test_a_file_with_very_many_findings_is_told_soon_in_every_format(value: str) -> None:
    def told_in_each() -> None:
        project = check({"p.policy.yaml": policy(tools=value).encode()}, reader({}))
        assert project.policies is None
        assert len(project.findings) == MAX_FINDINGS + 1
        assert project.findings[-1].severity == "error"
        assert project.findings[-1].message == f"{19_000 - MAX_FINDINGS} more findings in this file are not told"
        report = Report((*project.findings, *lint(project)), ("p.policy.yaml",))
        for told in (text.render(report), junit.render(report), sarif.render(report), data.render(report)):
            assert "more findings" in told

    soon(told_in_each, SOON_S)


def test_the_other_kinds_of_files_have_the_same_bound() -> None:
    keys = "".join(f"k{number}: 1\n" for number in range(2 * MAX_FINDINGS))
    test = f"apiVersion: hitl-fsm/v1\nkind: PolicyTest\n{keys}".encode()
    assert len(read_test(test, "f")[1]) == MAX_FINDINGS + 1
    roles = f"apiVersion: hitl-fsm/v1\nkind: Roles\nroles: {{a: {{members: [ann]}}}}\n{keys}\n".encode()
    around, found = read_surroundings({}, {"f": roles})
    assert around.roles is None
    assert len(found) == MAX_FINDINGS + 1


@pytest.mark.parametrize(("last", "severity"), [("info", "warning"), ("error", "error")])
def test_what_stands_for_the_others_is_as_bad_as_the_worst_of_them(last: str, severity: str) -> None:
    source = parse(b"a: 1\n" * 1000, "f")
    found = [source.at(Code.WRONG_VALUE, "wrong", line, 1, help=None) for line in range(1, MAX_FINDINGS + 3)]
    levels = ["info"] * MAX_FINDINGS + ["warning", last]
    one = bounded(replace(finding, severity=level) for finding, level in zip(found, levels, strict=True))
    assert len(one) == MAX_FINDINGS + 1
    assert (one[-1].severity, one[-1].place.line) == (severity, MAX_FINDINGS + 1)
    exact = found[:MAX_FINDINGS]
    assert bounded(reversed(exact)) == exact
    other = parse(b"a", "g").at(Code.WRONG_VALUE, "wrong", 1, 1)
    assert bounded([other, *exact]) == [*exact, other]
