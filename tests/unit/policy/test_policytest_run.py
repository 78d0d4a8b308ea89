"""Cases held against verdicts: what passes, what fails, and what a failure shows."""

from __future__ import annotations

import pytest
from policytest_samples import suite, tried

from costs import calls
from hitl_fsm.policy.testing.as_text import summary
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.run import run
from hitl_fsm.policy.testing.suite import Suite, Wish, examine

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
tools: [pay, fly]
batch: hold_all
rules:
  - {id: small, when: args.amount <= 10, gate: allow}
  - {id: noted, when: args.amount == 5, gate: audit}
  - id: large
    severity: high
    tools: pay
    when: args.amount > 10
    gate:
      - user_input:
          schema: {type: object, required: [why], properties: {why: {type: string}, who: {type: string}}}
      - approval: {of: [role:a, role:b], not: requester, expires: 4h}
  - {id: odd, severity: low, when: args.amount == 77, gate: {deny: {note: odd}}}
  - {id: bank, when: args.amount == 99, gate: {external: {route: bank, timeout: 2d}}}
  - id: staged
    when: args.amount == 55
    gate:
      approval:
        stages:
          - name: one
            of: [role:a]
            expires: 1h
            on_expiry: [{escalate: role:b}, {escalate: c}]
            edit: {amount: lower}
          - {name: two, of: [role:b], edit: none, grant: {max: 3, for: 1h}, break_glass: [role:c]}
"""
SHADOW = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: next
tools: pay
mode: shadow
rules:
  - {id: ask, severity: medium, when: args.amount > 3, gate: confirm}
"""
FILES = {"pay.policy.yaml": POLICY, "next.policy.yaml": SHADOW}
LARGE = "user_input: {}, approval: {}"

RIGHT = {
    "allow": (1, "allow"),
    "audit": (5, "audit"),
    "deny": (77, "deny"),
    "gated": (20, "gated"),
    "gates in order": (20, "[user_input, approval]"),
    "details of a form": (20, "[{user_input: {fields: [who, why], required: why, expires: never}}, approval]"),
    "details of an approval": (
        20,
        "[user_input, {approval: {of: [role:b, role:a], not: requester, expires: 240m, quorum: 1}}]",
    ),
    "stages": (
        55,
        "[user_input, approval, {approval: {name: one, escalate: [c, role:b], edit: amount, grant: 0}}, approval]",
    ),
    "terms of a stage": (
        55,
        "[user_input, approval, approval, {approval: {name: two, edit: none, grant: 3, break_glass: role:c}}]",
    ),
    "anything may be changed": (20, "[user_input, {approval: {edit: any}}]"),
    "a route": (99, "[user_input, approval, {external: {route: bank, timeout: 2d}}]"),
    "one rule": (20, "{rule: large}"),
    "with its policy": (20, "{rule: pay/large}"),
    "all rules": (99, "{rules: [bank, pay/large]}"),
    "severity": (20, "{severity: high}"),
    "batch": (1, "{batch: hold_all}"),
    "no audit": (1, "{audit: false}"),
    "a problem": ('"much"', "{outcome: deny, problem: cannot take}"),
    "shadow asks": (5, "{outcome: audit, shadow: confirm}"),
    "shadow in full": (5, "{shadow: {outcome: gated, gates: [confirm], rule: ask, severity: medium}}"),
    "shadow denies by its default": (1, "{shadow: deny}"),
}
WRONG = {
    "allow is not audit": (5, "allow", "expected allow, got audit"),
    "audit is not allow": (1, "audit", "expected audit, got allow"),
    "allow is not gated": (20, "allow", "expected allow, got user_input, then approval"),
    "one gate of two": (20, "approval", "expected approval, got user_input, then approval"),
    "the first gate of two": (20, "user_input", "expected user_input, got user_input, then approval"),
    "another order": (
        20,
        "[approval, user_input]",
        "expected gates approval, then user_input, got user_input, then approval",
    ),
    "no gates": (1, "[confirm]", "expected gates confirm, got allow"),
    "no gate at all": (20, "{gates: []}", "expected gates no gate, got user_input, then approval"),
    "a field": (
        20,
        "[{user_input: {fields: why}}, approval]",
        "expected user_input.fields [why], got [why, who]",
    ),
    "fewer may answer": (
        20,
        "[user_input, {approval: {of: role:a}}]",
        "expected approval.of [role:a], got [role:a, role:b]",
    ),
    "nobody excluded": (20, "[user_input, {approval: {not: alice}}]", "expected approval.not [alice], got [requester]"),
    "longer": (20, "[user_input, {approval: {expires: 1d}}]", "expected approval.expires 1d, got 4h"),
    "for ever": (20, "[user_input, {approval: {expires: never}}]", "expected approval.expires never, got 4h"),
    "two people": (20, "[user_input, {approval: {quorum: 2}}]", "expected approval.quorum 2, got 1"),
    "another stage": (
        55,
        "[user_input, approval, {approval: {name: two}}, approval]",
        "expected approval.name two, got one",
    ),
    "no grant": (55, "[user_input, approval, approval, {approval: {grant: 0}}]", "expected approval.grant 0, got 3"),
    "an edit": (20, "[user_input, {approval: {edit: none}}]", "expected approval.edit [none], got [any]"),
    "another rule": (20, "{rule: small}", "expected rule small, got pay/large"),
    "more rules": (99, "{rules: [bank]}", "expected rules [bank], got [pay/large, pay/bank]"),
    "fewer rules": (20, "{rules: [bank, large]}", "expected rules [bank, large], got [pay/large]"),
    "severity": (20, "{severity: low}", "expected severity low, got high"),
    "batch": (1, "{batch: in_order}", "expected batch in_order, got hold_all"),
    "audit": (1, "{audit: true}", "expected audit true, got false"),
    "no problem": (1, "{problem: such}", "expected problem such, got no problem"),
    "shadow": (5, "{shadow: deny}", "expected shadow outcome deny, got confirm"),
    "nothing in shadow": (5, "{shadow: nothing}", "expected shadow nothing, got confirm"),
}


def case(amount: object, expect: str) -> str:
    return f"cases: [{{name: it, call: {{tool: pay, args: {{amount: {amount}}}}}, expect: {expect}}}]"


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_so_passes(name: str) -> None:
    report = tried(FILES, case(*RIGHT[name]))
    assert [found.message for result in report.results for found in result.findings] == []
    assert (report.ok, len(report.results)) == (True, 1)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_so_fails_with_what_was_expected_and_what_came(name: str) -> None:
    amount, expect, message = WRONG[name]
    report = tried(FILES, case(amount, expect))
    assert report.findings == ()
    [result] = report.results
    assert not report.ok
    assert result.findings[0].message == f"`it`: {message}"
    assert result.findings[0].place.file == "pay.policytest.yaml"


def test_shadow_policies_that_do_not_cover_the_call_come_to_nothing() -> None:
    body = "cases: [{name: it, call: {tool: fly, args: {amount: 1}}, expect: {outcome: allow, shadow: %s}}]"
    assert tried(FILES, body % "nothing").ok
    [result] = tried(FILES, body % "deny").results
    assert result.findings[0].message == "`it`: expected shadow deny, got nothing"


def test_what_no_policy_covers_is_denied_by_the_engine() -> None:
    report = tried(FILES, "cases: [{name: it, call: {tool: swim}, expect: {outcome: deny, rule: engine/default}}]")
    assert report.ok
    [result] = tried(FILES, "cases: [{name: it, call: {tool: swim}, expect: allow}]").results
    assert [(one.place.file, one.message) for one in result.findings[1:]] == [
        ("pay.policytest.yaml", "`engine/default` decided: deny (no policy covers swim)")
    ]
    assert result.findings[1].place.line == result.case.node.line


def test_a_failure_points_at_the_expectation_and_at_the_rule_that_decided() -> None:
    table = """\
        tables:
          - name: t
            call: {tool: pay}
            columns: [args.amount, expect, severity]
            rows:
              - [77, confirm, high]
    """
    [result] = tried(FILES, table).results
    shown = [(one.place.file, one.place.line, one.place.column, one.width) for one in result.findings]
    assert shown == [
        ("pay.policytest.yaml", 8, 14, 7),
        ("pay.policy.yaml", 17, 10, 3),
    ]
    assert [one.severity for one in result.findings] == ["error", "info"]
    assert [one.message for one in result.findings] == [
        "`t: 77`: expected confirm, got deny",
        "`pay/odd` decided: deny (odd)",
    ]
    [wrong_rule] = tried(FILES, case(77, "{severity: low}")).results
    assert [one.message for one in wrong_rule.findings[1:]] == [
        "`pay/large` decided: user_input, approval of role:a or role:b",
        "`pay/odd` decided: deny (odd)",
    ], "all rules that match have a part in the severity"


def test_an_unknown_rule_is_a_finding_with_what_may_have_been_meant() -> None:
    report = tried(FILES, case(20, "{rule: lage}"))
    assert (report.ok, report.results) == (False, ())
    [found] = report.findings
    assert (found.code, found.message, found.help) == (
        "HF134",
        "the policies have no rule `lage`",
        "did you mean `large`?",
    )
    [found] = tried(FILES, case(20, "{rule: ask}")).findings
    assert "`mode: shadow`" in str(found.help)
    [found] = tried(FILES, case(20, "{shadow: {rule: large}}")).findings
    assert found.help == "it is enforced"


def test_policies_that_do_not_load_are_told_and_nothing_is_run() -> None:
    broken = {"pay.policy.yaml": POLICY.replace("gate: allow", "gate: alow")}
    report = tried(broken, case(1, "allow"))
    assert ([one.code for one in report.findings], report.results, report.ok) == (["HF110"], (), False)
    with pytest.raises(ValueError, match="do not load"):
        run(suite(broken, case(1, "allow")).project, suite(broken, case(1, "allow")).test)


def test_cases_can_be_chosen_by_their_names() -> None:
    body = "cases:\n" + "".join(
        f"  - {{name: {name}, call: {{tool: swim}}, expect: deny}}\n"
        for name in ("Small refund", "large refund", "payout")
    )

    def names(pattern: str) -> list[str]:
        return [result.case.name for result in tried(FILES, body, Wish(case=pattern)).results]

    assert names("REFUND") == ["Small refund", "large refund"]
    assert names("s*re") == ["Small refund"]
    assert names("x") == []


def test_a_denial_that_nobody_expected_to_be_a_problem_is_counted() -> None:
    report = tried(FILES, case('"much"', "deny"))
    assert report.ok
    assert "1 passed with a condition that could not be evaluated" in summary(report)
    assert "evaluated" not in summary(tried(FILES, case('"much"', "{problem: cannot}")))


def test_a_long_problem_is_cut() -> None:
    many = "\n".join(f"  - {{id: r{n}, when: args.amount > {n}, gate: allow}}" for n in range(60))
    report = tried({"pay.policy.yaml": POLICY + many}, case('"much"', "{problem: such}"))
    [result] = report.results
    assert all(len(found.message) < 1200 for found in result.findings)
    assert len(result.findings) == 21


def test_the_work_of_trying_grows_as_the_cases_do() -> None:
    few, many = (table_of(count) for count in (100, 400))
    report: Report = examine([many], Wish(coverage=True))
    assert len(report.results) == 400
    assert calls(lambda: examine([many], Wish(coverage=True))) < 4.5 * calls(
        lambda: examine([few], Wish(coverage=True))
    )


def table_of(count: int) -> Suite:
    rows = "".join(f"          - [{n}, {'allow' if n <= 10 and n != 5 else 'gated'}]\n" for n in range(6, 6 + count))
    body = f"tables:\n  - name: t\n    call: {{tool: pay}}\n    columns: [args.amount, expect]\n    rows:\n{rows}"
    return suite(FILES, body)
