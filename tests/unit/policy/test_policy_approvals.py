"""Who approves, how many, until when, what a yes may change or outlast: from the words of a policy to its gates."""

from __future__ import annotations

from typing import Any

import pytest
from policy_samples import action, findings, loaded, policy

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Editing,
    Escalation,
    Gate,
    GrantOffer,
    Patience,
    Review,
    Seat,
    UserInput,
)
from hitl_fsm.policy.gates import describe

HOUR = 3_600_000
DAY = 24 * HOUR
FINANCE, LEGAL, CFO = ("role:finance",), ("role:legal",), ("role:cfo",)
FORM: dict[str, Any] = {"type": "object", "properties": {"why": {"type": "string"}}}


def gates(gate: str, *, head: str = "owner: olga") -> tuple[Gate, ...]:
    return loaded(policy(f"- {{id: a, gate: {gate}}}", head=head)).evaluate(action()).gates


def approval(words: str, **more: Any) -> Gate:
    (found,) = gates(f"{{approval: {{{words}}}}}", **more)
    return found


def wrong(words: str, *, head: str = "owner: olga") -> list[Diagnostic]:
    return findings(policy(f"- {{id: a, gate: {{approval: {{{words}}}}}}}", head=head))


RIGHT: list[tuple[str, Approval]] = [
    ("of: role:finance, quorum: 2", Approval(FINANCE, quorum=2)),
    ("of: [group:treasury, maria, maria]", Approval(("group:treasury", "maria"))),
    ("of: [owner, bo], not: [owner, al]", Approval(("olga", "bo"), ("olga", "al"))),
    ("of: [bo, owner], break_glass: [owner, cy]", Approval(("bo", "olga"), break_glass=("olga", "cy"))),
    (
        "of: bo, not: [requester, editor, previous_approver], reject_quorum: 3",
        Approval(("bo",), ("requester", "editor", "previous_approver"), reject_quorum=3),
    ),
    (
        "all_of: [role:finance, role:legal]",
        Approval(FINANCE + LEGAL, ways=((Seat(FINANCE), Seat(LEGAL)),)),
    ),
    (
        "all_of: [{of: [role:finance, bo], quorum: 2}, {of: role:legal}], not: requester",
        Approval(
            ("role:finance", "bo", "role:legal"),
            ("requester",),
            ways=((Seat(("role:finance", "bo"), 2), Seat(LEGAL)),),
        ),
    ),
    (
        "any_of: [{of: role:cfo}, {of: role:finance, quorum: 2}]",
        Approval(CFO + FINANCE, ways=((Seat(CFO),), (Seat(FINANCE, 2),))),
    ),
    ("all_of: [bo, bo]", Approval(("bo",), ways=((Seat(("bo",)), Seat(("bo",))),))),
    ("any_of: [bo, bo, owner]", Approval(("bo", "olga"), ways=((Seat(("bo",)),), (Seat(("olga",)),)))),
    ("of: bo, expires: 4h, on_expiry: deny", Approval(("bo",), expires_ms=4 * HOUR)),
    (
        "of: bo, expires: 4h, on_expiry: {escalate: [role:cfo], expires: 8h, quorum: 2}",
        Approval(("bo",), expires_ms=4 * HOUR, patience=Patience(escalate=(Escalation(CFO, 8 * HOUR, 2),))),
    ),
    (
        "of: bo, expires: 4h, on_expiry: [{escalate: al}, {escalate: cy, expires: 1h}, {escalate: owner}]",
        Approval(
            ("bo",),
            expires_ms=4 * HOUR,
            patience=Patience(
                escalate=(Escalation(("al",), 4 * HOUR), Escalation(("cy",), HOUR), Escalation(("olga",), HOUR))
            ),
        ),
    ),
    (
        "of: bo, expires: 4h, reminders: [1h, 3h], calendar: madrid",
        Approval(("bo",), expires_ms=4 * HOUR, patience=Patience((HOUR, 3 * HOUR), "madrid")),
    ),
    ("of: bo, reminders: 1d", Approval(("bo",), patience=Patience((DAY,)))),
    ("of: bo, edit: none", Approval(("bo",), edit=Editing())),
    ("of: bo, edit: any", Approval(("bo",))),
    (
        "of: bo, edit: {amount: {maximum: 1000}, memo: {}, total: lower}",
        Approval(
            ("bo",),
            edit=Editing({"amount": {"maximum": 1000}, "memo": {}, "total": {"type": "number"}}, ("total",)),
        ),
    ),
    ("of: bo, grant: {max: 10, for: 24h}", Approval(("bo",), grant=GrantOffer(10, DAY))),
    (
        "of: bo, grant: {max: 10000, for: 90d, scope: [run, agent], vary: [amount, memo], budget: {amount: 5000.5}}",
        Approval(
            ("bo",), grant=GrantOffer(10_000, 90 * DAY, ("run", "agent"), ("amount", "memo"), "amount", 5000.5)
        ),
    ),
    ("of: bo, grant: {max: 1, for: 1h, scope: session, vary: memo}",
     Approval(("bo",), grant=GrantOffer(1, HOUR, ("session",), ("memo",)))),
]  # fmt: skip


@pytest.mark.parametrize(("words", "gate"), RIGHT, ids=[words for words, _ in RIGHT])
def test_what_is_written_is_what_is_asked(words: str, gate: Approval) -> None:
    assert approval(words) == gate


def test_stages_are_approvals_one_after_the_other_each_with_its_own_people_and_times() -> None:
    stages = (
        "- {name: manager, of: role:manager, expires: 4h}\n"
        "- {name: finance, of: role:finance, quorum: 2, not: previous_approver, expires: 8h, edit: none}\n"
        "- {name: both, all_of: [role:legal, owner]}"
    )
    text = "- id: a\n  gate:\n  - confirm\n  - approval:\n      stages:\n" + "".join(
        f"      {line}\n" for line in stages.splitlines()
    )
    found = loaded(policy(text, head="owner: olga")).evaluate(action())
    assert found.gates == (
        Confirm(),
        Approval(("role:manager",), expires_ms=4 * HOUR, name="manager"),
        Approval(FINANCE, ("previous_approver",), 8 * HOUR, 2, edit=Editing(), name="finance"),
        Approval(("role:legal", "olga"), ways=((Seat(LEGAL), Seat(("olga",))),), name="both"),
    )
    assert found.reasons[0].effect == (
        "confirm, approval of role:manager (stage manager), approval of 2 of role:finance (stage finance), "
        "approval of role:legal and olga (stage both)"
    )


def test_stages_that_ask_the_same_are_two_questions() -> None:
    found = gates("{approval: {stages: [{name: a, of: bo}, {name: b, of: bo, not: previous_approver}]}}")
    assert [gate.name for gate in found if isinstance(gate, Approval)] == ["a", "b"]


def test_approvals_of_two_rules_that_differ_are_both_asked() -> None:
    rules = (
        "- {id: a, gate: {approval: {of: bo, quorum: 2}}}\n"
        "- {id: b, gate: {approval: {of: bo}}}\n"
        "- {id: c, gate: {approval: {of: bo, grant: {max: 1, for: 1h}}}}"
    )
    found = loaded(policy(rules)).evaluate(action()).gates
    assert found == (Approval(("bo",), quorum=2), Approval(("bo",)), Approval(("bo",), grant=GrantOffer(1, HOUR)))


def test_the_other_gates_wait_with_patience_too() -> None:
    patient = "expires: 4h, reminders: 1h, calendar: madrid, on_expiry: {escalate: al}"
    patience = Patience((HOUR,), "madrid", (Escalation(("al",), 4 * HOUR),))
    assert gates(f"{{confirm: {{{patient}, edit: none, grant: {{max: 2, for: 1h}}}}}}") == (
        Confirm(4 * HOUR, patience, Editing(), GrantOffer(2, HOUR)),
    )
    form = "{type: object, properties: {why: {type: string}}}"
    assert gates(f"{{user_input: {{schema: {form}, of: owner, {patient}}}}}") == (
        UserInput(FORM, ("olga",), 4 * HOUR, patience=patience),
    )
    assert gates(f"{{review: {{of: bo, not: [editor, previous_approver], {patient}}}}}") == (
        Review(("bo",), ("editor", "previous_approver"), 4 * HOUR, patience=patience),
    )
    assert gates("{confirm: {edit: any, on_expiry: deny}}") == (Confirm(),)


def test_on_error_asks_with_all_of_it_but_stages() -> None:
    asks = "on_error: {approval: {all_of: [bo, al], expires: 1h, on_expiry: {escalate: cy}}}"
    verdict = loaded(policy("- {id: a, when: args.no == 1, gate: allow}", head=asks)).evaluate(action())
    (gate,) = verdict.gates
    assert isinstance(gate, Approval)
    assert gate.ways == ((Seat(("bo",)), Seat(("al",))),)
    assert verdict.reasons[0].effect == "approval of bo and al"
    staged = "on_error: {approval: {stages: [{name: a, of: bo}]}}"
    assert [one.code for one in findings(policy(head=staged))] == ["HF108"]


WRONG: list[tuple[str, str, str, str]] = [
    ("quorum: 2", "HF107", "`of` is missing in `approval`", "approval"),
    ("of: bo, all_of: [al, cy]", "HF108", "`of` and `all_of` stand side by side", "all_of"),
    ("all_of: [al], any_of: [bo], stages: [{name: a, of: b}]", "HF108", "`all_of` and `any_of` and `stages`", "any_of"),
    ("of: bo, expires: 4h, stages: [{name: a, of: b}]", "HF108", "`of` and `stages`", "stages"),
    ("expires: 4h, stages: [{name: a, of: b}]", "HF108", "`expires` beside `stages` holds for none", "expires"),
    ("not: requester, stages: [{name: a, of: b}]", "HF108", "`not` beside `stages` holds for none", "not"),
    ("stages: []", "HF108", "at least 1 item", "["),
    ("stages: [{of: b}]", "HF107", "`name` is missing", "{of"),
    ("stages: [{name: a}]", "HF107", "`of` is missing in `stage`", "{name"),
    ("stages: [{name: a, of: b}, {name: a, of: c}]", "HF108", "the stage `a` stands twice", "name"),
    ("stages: [{name: a, off: b}]", "HF106", "unknown key `off`", "off"),
    ("stages: [{name: a, stages: [{name: b, of: c}]}]", "HF106", "unknown key `stages`", "stages"),
    ("stages: [{name: a b, of: c}]", "HF108", "'a b' is not a name", "a b"),
    ("all_of: [bo, al], quorum: 2", "HF108", "`quorum` beside `all_of` counts nobody", "quorum"),
    ("any_of: [{of: bo}], quorum: 2", "HF108", "`quorum` beside `any_of` counts nobody", "quorum"),
    ("all_of: [{of: bo, qorum: 2}]", "HF106", "unknown key `qorum`", "qorum"),
    ("all_of: [{quorum: 2}]", "HF107", "`of` is missing in `all_of`", "{quorum"),
    ("all_of: []", "HF108", "at least 1 item", "["),
    ("all_of: [3]", "HF108", "expected text", "3"),
    ("of: bo, quorum: 0", "HF108", "greater than or equal to 1", "0"),
    ("of: bo, quorum: 101", "HF108", "less than or equal to 100", "101"),
    ("of: bo, reject_quorum: 0", "HF108", "greater than or equal to 1", "0"),
    ("of: bo, reject_quorum: 101", "HF108", "less than or equal to 100", "101"),
    ("of: bo, not: [bo]", "HF120", "everyone in `of` is also in `not`", "[bo"),
    ("all_of: [bo, al], not: [bo]", "HF120", "everyone here is also in `not`", "bo"),
    ("any_of: [{of: [bo, al]}, cy], not: [bo, al]", "HF120", "everyone here is also in `not`", "[bo"),
    ("of: bo, break_glass: [], not: al", "HF108", "at least 1 item", "["),
    ("of: bo, break_glass: [al], not: al", "HF120", "everyone here is also in `not`", "[al"),
    ("of: [bo, editor]", "HF120", "`editor` says who may not answer", "editor"),
    ("of: [previous_approver]", "HF120", "`previous_approver` says who may not answer", "previous_approver"),
    ("of: bo, break_glass: [editor]", "HF120", "`editor` says who may not answer", "editor"),
    ("of: bo, expires: 1h, on_expiry: {escalate: editor}", "HF120", "`editor` says who may not answer", "editor"),
    ("all_of: [bo, editor]", "HF120", "`editor` says who may not answer", "editor"),
    ("of: bo, not: [Editor]", "HF120", "`Editor` is not a known word", "Editor"),
    ("of: bo, not: [previous-approver]", "HF120", "`previous-approver` is not a known word", "previous-approver"),
    ("of: owners", "HF120", "`owners` is not a known word", "owners"),
    ("of: 'group:'", "HF120", "names nobody", "'group"),
    ("of: 'groups:fin'", "HF120", "`groups:` is not a kind", "'groups"),
    ("of: 'agent:bot'", "HF120", "an agent's answer never counts", "'agent"),
    ("of: bo, on_expiry: {escalate: al}", "HF108", "the time never runs out", "on_expiry"),
    ("of: bo, expires: 1h, on_expiry: escalate", "HF108", "does not say who is asked next", "escalate"),
    ("of: bo, expires: 1h, on_expiry: []", "HF108", "at least 1 item", "["),
    ("of: bo, expires: 1h, on_expiry: {escalate: []}", "HF108", "at least 1 item", "["),
    ("of: bo, expires: 1h, on_expiry: {}", "HF107", "`escalate` is missing in `on_expiry`", "on_expiry"),
    ("of: bo, expires: 1h, on_expiry: [deny]", "HF108", "expected a mapping", "deny"),
    ("of: bo, expires: 1h, on_expiry: [{escalate: al, expires: 0h}]", "HF108", "not a duration", "0h"),
    ("of: bo, expires: 1h, on_expiry: {escalate: al, quorum: 0}", "HF108", "greater than or equal to 1", "0"),
    ("of: bo, expires: 1h, on_expiry: {escalate: al}, not: al", "HF120", "everyone here is also in `not`", "al"),
    ("of: bo, expires: 1h, on_expiry: {escalate: al, then: approve}", "HF106", "unknown key `then`", "then"),
    ("of: bo, expires: 4h, reminders: [3h, 1h]", "HF108", "reminders are in order", "1h"),
    ("of: bo, expires: 4h, reminders: [1h, 1h]", "HF108", "reminders are in order", "1h"),
    ("of: bo, expires: 4h, reminders: [1h, 240m]", "HF108", "the question is not open any more then", "240m"),
    ("of: bo, reminders: [soon]", "HF108", "'soon' is not a duration", "soon"),
    ("of: bo, reminders: []", "HF108", "at least 1 item", "["),
    ("of: bo, calendar: madrid", "HF108", "`calendar` has nothing to count", "calendar"),
    ("of: bo, expires: 1h, calendar: [madrid]", "HF108", "expected text, found a list", "[madrid"),
    ("of: bo, edit: nothing", "HF108", "`edit` cannot be 'nothing'", "nothing"),
    ("of: bo, edit: {amount: {type: nmber}}", "HF119", "not usable as a schema of an argument", "{type"),
    ("of: bo, edit: {amount: {pattern: '(?=a)'}}", "HF119", "not RE2", "{pattern"),
    ("of: bo, edit: {amount: 5}", "HF108", "cannot be 5", "5"),
    ("of: bo, edit: {amount: higher}", "HF108", "no yes to a larger one", "higher"),
    ("of: bo, edit: {}", "HF108", "at least 1 item", "{"),
    ("of: bo, edit: {amount: {max: 100}}", "HF108", "would bound nothing", "max"),
    ("of: bo, edit: {amount: {maximun: 100}}", "HF108", "would bound nothing", "maximun"),
    ("of: bo, edit: {amount: less}", "HF108", "a number that may only become smaller is `lower`", "less"),
    ("of: bo, edit: lower", "HF108", "`lower` is said of one argument", "lower"),
    ("of: bo, edit: [amount]", "HF108", "for each argument what it may become", "["),
    ("of: bo, grant: {for: 1h}", "HF107", "`max` is missing in `grant`", "grant"),
    ("of: bo, grant: {max: 1}", "HF107", "`for` is missing in `grant`", "grant"),
    ("of: bo, grant: 1h", "HF108", "expected a mapping", "1h"),
    ("of: bo, grant: {max: 0, for: 1h}", "HF108", "greater than or equal to 1", "0"),
    ("of: bo, grant: {max: 10001, for: 1h}", "HF108", "less than or equal to 10000", "10001"),
    ("of: bo, grant: {max: 1, for: 91d}", "HF108", "longer than 90 days", "91d"),
    ("of: bo, grant: {max: 1, for: 1h, scope: all}", "HF108", "`scope` cannot be 'all'", "all"),
    ("of: bo, grant: {max: 1, for: 1h, scope: []}", "HF108", "at least 1 item", "["),
    ("of: bo, grant: {max: 1, for: 1h, vary: []}", "HF108", "at least 1 item", "["),
    ("of: bo, grant: {max: 1, for: 1h, budget: {amount: 5}}", "HF108", "counts `amount`, which", "amount"),
    ("of: bo, grant: {max: 1, for: 1h, vary: [a, b], budget: {a: 5, b: 5}}", "HF108", "at most 1 item", "{a"),
    ("of: bo, grant: {max: 1, for: 1h, vary: a, budget: {a: 0}}", "HF108", "greater than 0", "0"),
    ("of: bo, grant: {max: 1, for: 1h, vary: a, budget: {a: yes}}", "HF108", "", "yes"),
]


@pytest.mark.parametrize(("words", "code", "says", "at"), WRONG, ids=[one[0] for one in WRONG])
def test_law06_what_cannot_be_is_refused_at_its_place(words: str, code: str, says: str, at: str) -> None:
    found = wrong(words)
    assert {one.code for one in found} == {code}
    places = [(one.excerpt or "")[one.place.column - 1 :] for one in found if says in one.message]
    assert any(place.startswith(at) for place in places)


def test_the_owner_must_be_there_and_be_somebody() -> None:
    (found,) = wrong("of: owner", head="")
    assert (found.code, found.message) == ("HF120", "the policy has no `owner`")
    assert found.help is not None
    for name in ("requester", "editor", "owner"):
        (found,) = wrong("of: [bo, owner]", head=f"owner: {name}")
        assert f"the policy's `owner` is `{name}`" in found.message
    assert "names nobody" in wrong("of: owner", head='owner: "a\\nb"')[0].message
    assert approval("of: owner", head="owner: role:finance") == Approval(FINANCE)


@pytest.mark.parametrize("name", ["owen", "edith", "bo", "editorial@example.com", "role:approver", "group:requesters"])
def test_people_may_have_names_that_are_a_little_like_a_word(name: str) -> None:
    assert approval(f"of: '{name}'") == Approval((name,))


@pytest.mark.parametrize("gate", ["confirm", "review", "user_input"])
def test_one_person_answers_other_questions_also_after_a_while(gate: str) -> None:
    form = "schema: {type: object, properties: {why: {type: string}}}, " if gate == "user_input" else ""
    text = f"{{{gate}: {{{form}expires: 1h, on_expiry: {{escalate: al, quorum: 2}}}}}}"
    (found,) = findings(policy(f"- {{id: a, gate: {text}}}"))
    assert (found.code, found.message) == ("HF108", "`quorum` belongs to `approval`: here one person is enough")


def test_a_confirmation_is_nobodys_elses() -> None:
    for key in ("of: bo", "not: bo", "quorum: 2", "break_glass: bo"):
        (found,) = findings(policy(f"- {{id: a, gate: {{confirm: {{{key}}}}}}}"))
        assert found.code == "HF106"


def test_limits_of_lists() -> None:
    stages = ", ".join(f"{{name: s{number}, of: bo}}" for number in range(11))
    assert wrong(f"stages: [{stages}]")[0].code == "HF108"
    assert wrong(f"all_of: [{', '.join('b' * n for n in range(1, 12))}]")[0].code == "HF108"
    levels = ", ".join("{escalate: al}" for _ in range(11))
    assert wrong(f"of: bo, expires: 1h, on_expiry: [{levels}]")[0].code == "HF108"
    reminders = ", ".join(f"{number}m" for number in range(1, 12))
    assert wrong(f"of: bo, reminders: [{reminders}]")[0].code == "HF108"
    fields = ", ".join(f"a{number}: {{}}" for number in range(101))
    assert wrong(f"of: bo, edit: {{{fields}}}")[0].code == "HF108"


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Approval(FINANCE), "approval of role:finance"),
        (Approval(("role:finance", "maria"), quorum=2), "approval of 2 of role:finance or maria"),
        (Approval((), ways=((Seat(FINANCE), Seat(("a", "b"))),)), "approval of role:finance and (a or b)"),
        (Approval((), ways=((Seat(CFO),), (Seat(FINANCE, 2),))), "approval of role:cfo, or 2 of role:finance"),
        (Approval(("bo",), name="cfo"), "approval of bo (stage cfo)"),
        (UserInput(FORM), "user_input"),
        (Confirm(HOUR), "confirm"),
        (Review(("bo",)), "review of bo"),
    ],
)
def test_a_gate_in_a_few_words(gate: Gate, words: str) -> None:
    assert describe(gate) == words
