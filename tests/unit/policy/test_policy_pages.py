"""The pages on errors in policy files: each has the one shape, and its examples are what it says."""

from __future__ import annotations

import re

import pytest
from lint_samples import SECTIONS, blocks, page, project_of, section, whole

from hitl_fsm.adapters.calendars import calendars_in
from hitl_fsm.policy.catalogue import read_catalogue
from hitl_fsm.policy.codes import MEANINGS, Code
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.surroundings import Surroundings
from hitl_fsm.policy.testing.read import read_test

CODES = [code.value for code in Code]
NOT_IN_A_FILE = {
    *("HF101", "HF105", "HF121", "HF126"),  # bytes, sizes, and files that are not there
    *("HF131", "HF133", "HF134", "HF138", "HF139"),  # found by running tests
}


def found_in(text: str, name: str) -> set[str]:
    """The codes of what the examples of a section give: policies, or files of roles, calendars, tests."""
    part = section(text, name)
    texts = blocks(part)
    if any("\nkind: Roles\n" in one for one in texts):
        _, findings = read_surroundings({}, {f"{n}.roles.yaml": one.encode() for n, one in enumerate(texts)})
    elif any("\nkind: Calendar\n" in one for one in texts):
        _, findings = calendars_in({f"{n}.calendar.yaml": one.encode() for n, one in enumerate(texts)})
    elif any("\nkind: PolicyTest\n" in one for one in texts):
        findings = tuple(found for one in texts for found in read_test(one.encode(), "a.policytest.yaml")[1])
    else:
        known = [read_catalogue(one.encode(), "tools.json") for one in blocks(part, "json")]
        assert all(one.tools is not None for one in known)
        around = Surroundings(tools=known[0].tools) if known else None
        files = {f"{number}.policy.yaml": whole(one, number) for number, one in enumerate(texts)}
        findings = project_of(files, around).findings
    return {one.code for one in findings}


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_the_one_shape(code: str) -> None:
    assert Code(code) in MEANINGS
    text = page(code)
    assert re.match(rf"# {code}: [A-Z].+[^.]\n\nerror\n\n## What\n\n[A-Z]", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("code", sorted(set(CODES) - NOT_IN_A_FILE))
def test_its_examples_are_true(code: str) -> None:
    text = page(code)
    assert blocks(section(text, "Bad"))
    assert blocks(section(text, "Good"))
    assert found_in(text, "Bad") == {code}
    assert found_in(text, "Good") == set()
