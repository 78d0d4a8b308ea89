"""Sensible conditions, of which no rule of the lint that looks into conditions may say anything; and odd ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_samples import findings, project_of
from test_policy_quick import conditions as logical

from costs import calls
from hitl_fsm.policy.lint import (
    hf201_shadowed,
    hf202_unreachable,
    hf204_timer_yes,
    hf209_unanchored,
    hf210_not_re2,
    hf211_shell,
    hf212_number_kinds,
    hf213_money_as_text,
    hf214_name_only,
    hf227_own_word,
)
from hitl_fsm.policy.lint.argument_names import address_kind, is_claim, is_command, is_money, is_number, is_plea
from hitl_fsm.policy.lint.regexes import is_held, separator_in
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.project import Project

RULES = (
    hf201_shadowed, hf202_unreachable, hf204_timer_yes, hf209_unanchored, hf210_not_re2, hf211_shell,
    hf212_number_kinds, hf213_money_as_text, hf214_name_only, hf227_own_word,
)  # fmt: skip
CODES = {rule.RULE.code for rule in RULES}
HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: a\ntools: [pay, 'shell.*', 'mcp.*']\nowner: me@example.com\n"
VARS = r"""vars:
  limit: 1000
  rate: 1.5
  home: [EUR, GBP]
  none: []
  enabled: false
  ours: "^[a-z.]+@example\\.com$"
  known: "^https://(api|docs)\\.example\\.com(/[^\\\\\\s]*)?$"
  odd: "(?=a)"
  odds: ["(", "a"]
  words: [sh, ls]
rules:
"""
ALLOWING = [
    "args.amount > 0 && args.amount <= vars.limit",
    "args.amount > 0 && args.amount <= 1000 && args.currency in vars.home",
    "args.amount > 0 || args.amount < 0",
    "args.url.matches(vars.known)",
    "args.url.startsWith('https://api.example.com/')",
    "args.url == 'https://api.example.com'",
    "args.host in ['api.example.com', 'docs.example.com']",
    "args.host.endsWith('.example.com')",
    "args.to.all(address, address.matches(vars.ours))",
    "args.email.endsWith('@example.com')",
    "args.path.startsWith('/srv/workspace/') && !args.path.contains('..')",
    "args.file.endsWith('.md')",
    "args.title.contains('report')",
    "args.branch.matches('^agents/[a-z0-9][a-z0-9/._-]*$')",
    "args.name.matches('(?i)^(yes|no)$')",
    "args.name.matches('^report-.*')",
    "size(args.argv) > 0 && args.argv[0] in ['date', 'df', 'git']",
    "args.command in ['git status', 'git log']",
    "args.command.matches('^git (log|diff)( [A-Za-z0-9_./-]+)*$')",
    "args.script_id == 'nightly' && args.shell_timeout < 10",
    "'finance' in user.roles",
    "user.roles.exists(role, role in ['finance', 'treasury'])",
    "user.kind == 'human' && args.amount < 5",
    "agent == 'refund-bot' && args.amount < 5",
    "step == 'ship'",
    "env.stage == 'test'",
    "tool in ['pay']",
    "now < timestamp('2027-01-01T00:00:00Z') && args.amount < 5",
    "timestamp(args.departs) - now > duration('24h')",
    "vars.enabled && args.amount < 5",
    "args.account in vars.none",
    "args.size + 1 < 10 && size(args.items) * 2 < 10",
    "double(args.amount) * 1.2 < 100.0",
    "args.id == '1000' && args.order_id > '7'",
    "args.total == 'all' || args.amount_currency == 'EUR'",
    "string(args.id) == '7'",
    "args.dry_run == true",
    "args.amount < 5 && has(args.reason)",
    "args.confirmation_number.matches('^[A-Z0-9]{6}$')",
    "args.safe_mode == 'strict' || args.allowed_hosts == ['a']",
    "has(args.note) ? size(args.note) < 100 : args.amount < 5",
]
RESTRICTING = [
    *("args.url.matches('evil')", "args.host.contains('evil.test')", "!args.url.startsWith('https://')"),
    *("!args.url.matches('^https://')", "args.command.contains('rm ')", "args.argv[0] in vars.words"),
    *("args.command.matches('sudo|su ')", "agent == 'intern-bot'", "user.id == 'eve'", "tool.contains('delete')"),
    *("args.urgent", "args.override == true", "args.force", "!has(args.reason)", "args.reason == ''"),
    *("now.getHours() < 6", "now > timestamp('2026-06-01T00:00:00Z')", "now.getDayOfWeek() in [0, 6]"),
    *("!(args.amount > 0) || !(args.currency in vars.home)", "args.amount > 10 && args.amount < 11"),
    *("args.to.exists(address, !address.matches(vars.ours))", "!(args.target in ['staging', 'production'])"),
    *("args.question.matches('(?i)password')", "args.rows > 1000 || args.count > 7", "args.price >= 9.99"),
]


def text_of(condition: str, gate: str, key: str = "when") -> str:
    return f"{HEAD}{VARS}  - id: one\n    gate: {gate}\n    {key}:\n      - >-\n        {condition}\n"


def codes(text: str) -> set[str]:
    assert project_of({"a.policy.yaml": text}).findings == ()
    return {one.code for one in findings({"a.policy.yaml": text})} & CODES


@pytest.mark.parametrize("condition", ALLOWING)
def test_nothing_is_said_of_a_sensible_permission(condition: str) -> None:
    assert codes(text_of(condition, "audit")) == set()
    assert codes(text_of(condition, "allow")) == set()
    assert codes(text_of(condition, "confirm", "unless")) == set()


@pytest.mark.parametrize("condition", RESTRICTING)
def test_nothing_is_said_of_a_sensible_restriction(condition: str) -> None:
    assert codes(text_of(condition, "deny")) == set()
    assert codes(text_of(condition, "confirm")) == set()


@pytest.mark.parametrize("other", ["gate: audit", "gate: confirm", "tools: [pay, 'mcp.*', 'shell.*']\n    gate: allow"])
def test_what_another_rule_always_matches_does_not_hang_on_a_condition(other: str) -> None:
    """The action does not wait for it; of `default: allow` the same is true."""
    condition = text_of("args.approved", "audit").replace("id: one\n", "id: one\n    tools: pay\n")
    assert "HF227" in codes(condition)
    assert "HF227" not in codes(f"{condition}  - id: two\n    {other}\n")
    assert "HF227" in codes(f"{condition}  - id: two\n    tools: 'mcp.*'\n    gate: audit\n")
    assert "HF227" not in codes(f"{condition}default: allow\n")


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("args.to.exists(x, x.endsWith('example.com'))", "HF209"), ("args.a.matches('^a|b$')", "HF209"),
        ("args.a.matches('(?m)^a$')", "HF209"), ("args['url'].contains('api.example.com')", "HF209"),
        ("!(!args.a.matches('a'))", "HF209"), ("args.a.matches('a') == true", "HF209"),
        ("args.b > 1 ? args.a.matches('a') : false", "HF209"), ("args.a.matches('a') ? args.b > 1 : false", "HF209"),
        ("args.host.startsWith('api.')", "HF209"), ("args.website.startsWith('http://a.test')", "HF209"),
        ("args.commandLine.contains('ls')", "HF211"), ("args.argv[0] == 'sudo'", "HF211"),
        ("args.options.shell_command.startsWith('ls')", "HF211"), ("args.cmd.matches('^ls [^|;&$]*$')", "HF211"),
        ("args.commands.all(one, one.startsWith('ls'))", "HF211"), ("['env'].exists(x, args.program == x)", "HF211"),
        ("now - timestamp(args.a) > duration('1h')", "HF204"), ("timestamp(args.a) < now", "HF204"),
        ("now.getDayOfWeek() == 0", "HF204"), ("!(now <= timestamp(args.a))", "HF204"),
        ("args.is_approved", "HF227"), ("args['userConfirmed'] == true", "HF227"), ("args.urgent", "HF227"),
        ("args.meta.authorized != false", "HF227"), ("args.reason != '' || args.justification != ''", "HF227"),
        ("user.id == 'ann' || args.amount < 5", "HF214"), ("'bot' == agent", "HF214"), ("tool.matches('get')", "HF214"),
    ],
)  # fmt: skip
def test_the_forms_in_which_a_loosening_is_found(condition: str, code: str) -> None:
    assert code in codes(text_of(condition, "audit"))
    assert code in codes(text_of(condition, "confirm", "unless"))
    assert code not in codes(text_of(condition, "confirm"))


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        *(("args.x.matches(vars.odd)", "HF210"), ("vars.odds.exists(p, args.x.matches(p))", "HF210")),
        *(("args.amount + 1 > 2", "HF212"), ("args.n / 2.0 > 1.0", "HF212"), ("vars.limit * vars.rate > 2.0", "HF212")),
        *(("args.amount > '1000'", "HF213"), ("'5' == args.price", "HF213"), ("args.fee in ['1', '2']", "HF213")),
    ],
)
def test_what_is_found_wherever_it_stands(condition: str, code: str) -> None:
    assert code in codes(text_of(condition, "audit"))
    assert code in codes(text_of(condition, "confirm"))


def test_names_are_taken_apart() -> None:
    assert is_money("totalPrice")
    assert not is_money("payment_id")
    assert not is_money("discount_code")
    assert is_number("maxRows")
    assert not is_number("summary")
    assert is_command("shell_command", ())
    assert is_command("input", ("shell.run",))
    assert not is_command("input", ("ask.user",))
    assert is_claim("userApproved")
    assert not is_claim("approval_id")
    assert is_plea("reason")
    assert [address_kind(name) for name in ("callbackUrl", "host", "cc", "account")] == ["URL", "host", "address", None]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="^$|()[]a.*\\?m:", max_size=12))
def test_patterns_of_any_shape_are_taken_apart(pattern: str) -> None:
    assert is_held(pattern) in (True, False)
    wide = separator_in(pattern)
    assert wide is None or wide in pattern


ODD = [
    "args.a.matches(vars.odd)", "vars.odds.all(p, args.x.matches(p))", "args.l.exists(a, a.b.exists(a, a.matches(a)))",
    "args.l.map(x, x.amount * 2) == [1]", "args.l.filter(x, x.matches('a')).size() > 1", "args[args.a].matches('a')",
    "{'a': args.amount * 2.0} == {'a': 1}", "[1, 2][args.a] == 1", "args.l[0][1].price > '1'", "''.matches('')",
    "dyn(args.a).matches('a')", "now == now", "now + duration('1h') - now > duration('1h')", "agent in ['a']",
    "user.id.startsWith(args.a)", "int(string(args.amount)) > 1", "args.command == args.cmd", "args.argv[0] in args.l",
    "args.cmd in ['', ' ', '/']", "args.l.all(x, args.l.all(y, x == y && y.url.contains('a')))", "args.a in {'a': 1}",
    "vars.words.exists_one(w, w == args.cmd)", "type(args.amount) == int", "args.amount * args.amount > args.amount",
    "b'a' == bytes(args.amount)", "1u == args.amount", "-args.amount < -(-1)", "args.a == 1e300 && args.a > 1e300",
]  # fmt: skip
ANY = st.recursive(
    st.one_of(logical, st.sampled_from([*ODD, *ALLOWING, *RESTRICTING])),
    lambda one: st.one_of(
        st.builds("({0}) && ({1})".format, one, one),
        st.builds("!({0}) || ({1})".format, one, one),
        st.builds("({0}) ? ({1}) : !({0})".format, one, one),
        st.builds("args.list.exists(x, ({0}) == false)".format, one),
    ),
    max_leaves=3,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["when", "unless"]), ANY, st.sampled_from(["audit", "deny"])), max_size=3))
def test_no_condition_breaks_the_lint(rules: list[Any]) -> None:
    text = HEAD + VARS
    for number, (key, condition, gate) in enumerate(rules):
        text += f"  - id: r{number}\n    gate: {gate}\n    {key}:\n      - >-\n        {condition}\n"
    for finding in lint(project_of({"a.policy.yaml": text})):
        assert finding.place.column <= len(finding.excerpt or "") + 1


def test_the_work_of_looking_into_conditions_grows_as_they_do() -> None:
    few, many = conditions_on_one_tool(3), conditions_on_one_tool(12)
    assert {rule.RULE.code for rule in RULES for _ in rule.check(conditions_on_one_tool(12))} == set()
    assert calls(lambda: looked_into(many)) < 4.5 * calls(lambda: looked_into(few))


def looked_into(project: Project) -> list[Any]:
    return [found for rule in RULES for found in rule.check(project)]


def conditions_on_one_tool(count: int) -> Project:
    """So many files of a hundred rules, no two of the same condition."""
    files = {}
    for number in range(count):
        rules = "".join(
            f"  - id: r{rule}\n    tools: pay\n    gate: {'deny' if rule % 2 else 'audit'}\n"
            f"    when: args.amount > {number * 100 + rule} && args.field{rule} in ['EUR', 'c{rule}']\n"
            for rule in range(100)
        )
        files[f"{number}.policy.yaml"] = HEAD.replace("name: a", f"name: p{number}") + VARS + rules
    project = project_of(files)
    assert project.policies is not None
    return project
