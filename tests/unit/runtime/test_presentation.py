"""What a person is shown of a question."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from hitl_fsm.cli.answers.present import question_page
from hitl_fsm.cli.page import Fields
from hitl_fsm.runtime.presenting.presentation import Presentation, form_fields, presentation
from house import House, call, calls

FORM = "{type: object, required: [reason], properties: {reason: {type: string}, extra: {enum: [1, 2], default: 1}}}"


def shown(house: House, gate: str) -> Presentation:
    engine = house.engine(f"- {{id: all, severity: high, gate: {gate}}}")
    run = house.agent(engine, [calls(call("refund", order_id="42", amount=5))]).run("go", user="alice")
    return presentation(run.active_requirements[0].value, run.value)


@pytest.mark.parametrize(
    ("gate", "kind", "who", "commands"),
    [
        ("confirm", "confirm", "alice, for whom the run acts", ["approve", "approve", "reject", "respond"]),
        (
            "{approval: {of: ['role:finance', 'otto'], not: [requester], expires: 4h}}",
            "approval",
            "anyone with the role finance or otto; not alice, for whom the run acts",
            ["approve", "approve", "reject", "respond"],
        ),
        (
            f"{{user_input: {{schema: {FORM}}}}}",
            "user_input",
            "alice, for whom the run acts",
            ["input", "reject", "respond"],
        ),
        (
            "{external: {route: bank}}",
            "external",
            "whoever reports for the route bank",
            ["result", "result", "reject", "respond"],
        ),
    ],
)
def test_it_says_what_is_asked_of_whom_and_how_to_answer(
    house: House, gate: str, kind: str, who: str, commands: list[str]
) -> None:
    one = shown(house, gate)
    assert (one.kind, one.who, one.severity, one.user, one.agent) == (kind, who, "high", "alice", "helper")
    assert [how.command.split()[1] for how in one.how] == commands
    assert all(one.id in how.command for how in one.how)
    (why,) = one.why
    assert (why.policy, why.rule) == ("pay", "all")
    assert why.place.startswith("p0.policy.yaml:")
    assert json.loads(one.arguments) == one.args
    assert one.arguments.splitlines()[1].strip().startswith('"amount"')  # sorted
    assert one.digest.startswith(one.short_digest)
    assert one.opened_at == "2025-06-15T15:06:40.000Z"
    assert (one.expires_at, one.on_expiry is not None) == (
        ("2025-06-15T19:06:40.000Z", True) if "expires" in gate else (None, False)
    )


def test_a_form_is_told_field_by_field(house: House) -> None:
    one = shown(house, f"{{user_input: {{schema: {FORM}}}}}")
    reason, extra = one.fields
    assert (reason.name, reason.type, reason.required) == ("reason", "string", True)
    assert (extra.required, extra.choices, extra.default) == (False, (1, 2), 1)
    assert "--set reason=…" in one.how[0].command


def test_a_closed_question_says_who_answered_and_offers_nothing(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    run.active_requirements[0].reject(by="alice", note="no")
    one = presentation(run.requirements[0].value, run.value)
    assert one.how == ()
    assert one.given is not None
    assert (one.given.answer, one.given.by, one.given.note) == ("reject", "alice", "no")


def test_the_stages_of_a_call_are_counted(house: House) -> None:
    engine = house.engine("- {id: all, gate: [confirm, {approval: {of: ['role:finance']}}]}")
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    first = presentation(run.active_requirements[0].value, run.value)
    run.active_requirements[0].confirm(by="alice")
    second = presentation(run.active_requirements[0].value, run.value)
    assert [(one.kind, one.stage, one.stages) for one in (first, second)] == [("confirm", 1, 2), ("approval", 2, 2)]


def test_the_next_stage_sees_what_people_filled_in(house: House) -> None:
    form = '{user_input: {schema: {title: "Why,\\n  please?", type: object, properties: {why: {type: string}}}}}'
    engine = house.engine(f"- {{id: all, gate: [{form}, {{approval: {{of: ['role:finance']}}}}]}}")
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    first = presentation(run.active_requirements[0].value, run.value)
    run.active_requirements[0].provide_user_input({"why": "a gift\x1b[2J"}, by="alice")
    second = presentation(run.active_requirements[0].value, run.value)
    assert [(one.asks, one.filled_in) for one in (first, second)] == [
        ("Why, please?", {}),
        ("May this action happen?", {"why": "a gift\x1b[2J"}),
    ]
    assert '"why": "a gift' in str(question_page(second))


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ((), "agent"),
        (("agent clerk",), "agent"),
        (("team finance",), "team"),
        (("workflow refunds",), "workflow"),
        (("workflow refunds", "step payout"), "workflow"),
        (("workflow refunds", "step payout", "agent clerk"), "agent"),
    ],
)
def test_the_page_says_what_it_is_that_asks(house: House, path: tuple[str, ...], word: str) -> None:
    page = question_page(replace(shown(house, "confirm"), path=path, agent="somebody"))
    rows = next(block.rows for block in page.blocks if isinstance(block, Fields))
    assert [row.label for row in rows if row.value == "somebody, for alice"] == [word]


def test_an_agents_own_question_is_what_is_asked(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, [calls(call("ask_user", question="Which colour?"))]).run("go", user="alice")
    assert presentation(run.active_requirements[0].value, run.value).asks == "Which colour?"


@pytest.mark.parametrize(
    "schema", [{}, {"properties": {"a": True}}, {"properties": {"a": {"type": ["string", "null"]}}}]
)
def test_any_schema_gives_fields(schema: dict[str, Any]) -> None:
    assert len(form_fields(schema)) == len(schema.get("properties", {}))
