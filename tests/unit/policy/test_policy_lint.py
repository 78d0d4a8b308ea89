"""Every lint rule: its bad fixtures give its finding at the marked place, its good ones none; its page tells true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lint_samples import (
    FIXTURES,
    PAGES,
    ROOT,
    SECTIONS,
    expected,
    files_of,
    findings,
    fixtures,
    page,
    page_files,
    places,
    project_of,
)

from costs import calls
from hitl_fsm.policy.lint.all import RULES
from hitl_fsm.policy.lint.run import lint

CODES = [rule.RULE.code for rule in RULES]
ASIDE = "# hitl-fsm: ignore {} because the register of owners is elsewhere"
OWNERLESS = "apiVersion: hitl-fsm/v1\nkind: Policy\n{above}name: a{beside}\ntools: [x]\n"
LARGE = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: service-{0}
owner: team-{0}@example.com
tools: ["service{0}.*", audit{0}.write]
default: deny
rules:
  - id: reading
    tools: "service{0}.*"
    when: args.amount <= 1000
    gate: audit
    examples: {{match: [{{args: {{amount: 1}}}}]}}
  - id: writing
    tools: audit{0}.write
    severity: high
    when: args.amount > 1000
    gate:
      - approval: {{of: [role:finance], not: [requester], expires: 4h, on_expiry: deny}}
    examples: {{match: [{{args: {{amount: 2000}}}}]}}
"""


def cases(kind: str) -> list[object]:
    return [
        pytest.param(code, fixture, id=fixture.relative_to(FIXTURES).as_posix())
        for code in CODES
        for fixture in fixtures(code, kind)
    ]


def test_codes_and_names_are_in_order_and_used_once() -> None:
    assert sorted(set(CODES)) == CODES
    names = [rule.RULE.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert re.fullmatch(r"HF2\d\d", rule.RULE.code)
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.RULE.name)
        assert rule.RULE.severity in {"error", "warning", "info"}
        assert rule.__name__.rpartition(".")[2].startswith(rule.RULE.code.lower())  # type: ignore[attr-defined]


def test_no_rule_is_left_out_of_the_list() -> None:
    folder = Path(RULES[0].__file__).parent  # type: ignore[attr-defined]
    assert len(list(folder.glob("hf2*.py"))) == len(RULES)


@pytest.mark.parametrize("code", CODES)
def test_each_rule_has_good_and_bad_fixtures(code: str) -> None:
    assert fixtures(code, "good")
    assert fixtures(code, "bad")


@pytest.mark.parametrize(("code", "fixture"), cases("bad"))
def test_a_bad_fixture_gives_exactly_what_it_marks(code: str, fixture: Path) -> None:
    files = files_of(fixture)
    found = places(findings(files))
    assert found == expected(files)
    assert code in {one[1] for one in found}


@pytest.mark.parametrize(("code", "fixture"), cases("good"))
def test_a_good_fixture_gives_nothing_of_this_code(code: str, fixture: Path) -> None:
    assert [one for one in findings(files_of(fixture)) if one.code == code] == []


@pytest.mark.parametrize("code", CODES)
def test_its_page_has_the_shape_and_its_examples_are_true(code: str) -> None:
    (rule,) = [one.RULE for one in RULES if one.RULE.code == code]
    text = page(code)
    assert text.startswith(f"# {code}: {rule.title}\n\n`{rule.name}` · {rule.severity}\n\n## What\n")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections in (SECTIONS, [*SECTIONS, "When to ignore"])
    for section, wanted in (("Bad", True), ("Good", False)):
        files = page_files(text, section)
        assert files, section
        assert (code in {one.code for one in findings(files)}) is wanted, section


def test_the_table_of_rules_is_whole() -> None:
    rows = re.findall(
        r"^\| \[(HF2\d\d)\]\(\1\.md\) \| `([a-z0-9-]+)` \| (\w+) \| (.+)\. \|$",
        (PAGES / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows == [rule.RULE[:4] for rule in RULES]


# -- setting a finding aside


@pytest.mark.parametrize(
    ("above", "beside"), [(f"{ASIDE}\n", ""), ("", f"  {ASIDE}"), (f"{ASIDE}\n# and so on\n\n", "")]
)
def test_a_comment_with_a_reason_sets_a_finding_aside(above: str, beside: str) -> None:
    code = "HF217"
    assert [one.code for one in findings({"a": OWNERLESS.format(above="", beside="")})] == [code]
    assert findings({"a": OWNERLESS.format(above=above.format(code), beside=beside.format(code))}) == []


def test_a_comment_sets_aside_only_what_it_names_and_only_there() -> None:
    other = OWNERLESS.format(above="", beside="") + ASIDE.format("HF217") + "\nmode: enforce\n"
    assert [(one.code, one.place.line) for one in findings({"a": other})] == [("HF217", 3), ("HF231", 5)]


@pytest.mark.parametrize(
    "comment", ["# hitl-fsm: ignore HF217", "# hitl-fsm: ignore HF217 because", "# hitl-fsm: ignore HF217 because …"]
)
def test_without_a_reason_nothing_is_set_aside(comment: str) -> None:
    found = findings({"a": OWNERLESS.format(above="", beside=f" {comment}")})
    assert [(one.code, one.place.line, one.place.column) for one in found] == [("HF217", 3, 7), ("HF231", 3, 9)]


def test_what_looks_like_a_comment_inside_a_text_is_none() -> None:
    text = "description: |\n  long\n  # hitl-fsm: ignore HF217 because it is text\n"
    assert [one.code for one in findings({"a": OWNERLESS.format(above=text, beside="")})] == ["HF217"]


def test_errors_are_not_set_aside() -> None:
    text = "owner: me\n" + OWNERLESS.format(above="", beside="") + "oops: 1 # hitl-fsm: ignore HF106 because I may\n"
    assert findings({"a": text}) == [], "a file whose shape is wrong is not linted at all"
    text = OWNERLESS.format(above="owner: me\n", beside=" # hitl-fsm: ignore HF106 because I may")
    assert [(one.code, one.message) for one in findings({"a": text})] == [("HF231", "HF106 cannot be set aside")]


def test_a_file_with_errors_of_another_kind_is_linted_and_its_comments_are_not_called_idle() -> None:
    text = OWNERLESS.format(above="", beside="") + "rules:\n  - id: a\n    when: nmae == 1\n    gate: confirm\n"
    text += "mode: enforce # hitl-fsm: ignore HF217 because it may come\n"
    assert [one.code for one in findings({"a": text})] == ["HF217", "HF224"]


def test_a_comment_for_a_rule_that_is_silent_is_not_called_idle() -> None:
    text = OWNERLESS.format(
        above="owner: me\n", beside=" # hitl-fsm: ignore HF215 because the route comes with the bank"
    )
    assert findings({"a": text}) == [], "no routes file says which routes there are"
    routes = "apiVersion: hitl-fsm/v1\nkind: Routes\nroutes:\n  bank: {description: The bank.}\n"
    assert [one.code for one in findings({"a": text, "b": routes})] == ["HF231"]


# -- all together


def test_the_starter_policies_are_clean() -> None:
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("policies/**/*.policy.yaml")
    }
    assert len(files) >= 5
    assert [f"{one.place} {one.code} {one.message}" for one in findings(files)] == []


def test_the_work_of_linting_grows_as_the_rules_do() -> None:
    few, many = (
        project_of({f"{number}.policy.yaml": LARGE.format(number) for number in range(count)}) for count in (200, 800)
    )
    assert few.policies is not None
    assert many.policies is not None
    assert lint(few) == lint(many) == []
    assert calls(lambda: lint(many)) < 4.5 * calls(lambda: lint(few)), "four times the rules"
