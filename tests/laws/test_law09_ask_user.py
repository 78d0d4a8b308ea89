"""Law 9 for what an agent asks by itself: it reads exactly the checked answer or the refusal, round after round."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_fsm.errors import AnswerRefused, NotAuthorised
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.states import RunState
from house import House, call, calls

SIZES = [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]
ADDRESS = {
    "type": "object",
    "properties": {
        "lines": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 3},
        "country": {"$ref": "#/$defs/country"},
        "express": {"type": "boolean", "default": False},
        "geo": {"type": "object", "properties": {"lat": {"type": "number", "maximum": 90}}, "required": ["lat"]},
    },
    "required": ["lines", "country"],
    "$defs": {"country": {"type": "string", "pattern": "^[A-Z]{2}$"}},
}


def ask(question: str, **more: Any) -> dict[str, Any]:
    return call("ask_user", question=question, **more)


def asked(house: House, *turns: dict[str, Any], rules: str = "- {id: all, gate: confirm}") -> tuple[Any, Any, Any]:
    engine = house.engine(rules)
    agent = house.agent(engine, [calls(turn) for turn in turns])
    return engine, agent, agent.run("go", user="alice")


@pytest.mark.parametrize(
    ("field", "bad", "good"),
    [
        ({"name": "a", "choices": SIZES}, ["Small", "m", ["s"], "S"], "l"),
        ({"name": "a", "choices": SIZES, "multiple": True}, ["s", ["Small"], ["s", "s"], []], ["l", "s"]),
        ({"name": "a", "type": "integer", "choices": [{"value": 1, "label": "One"}, 2]}, ["1", True, 3], 2),
        ({"name": "a", "type": "boolean"}, ["yes", 1, 0], True),
        ({"name": "a", "type": "number"}, ["1", True, float("nan")], 1.5),
        ({"name": "a", "multiple": True}, ["x", [1], []], ["x", "x"]),
        ({"name": "a"}, ["", 5, None], "free text"),
    ],
)
def test_law09_the_model_reads_the_value_and_no_bad_answer_is_taken(
    house: House, field: dict[str, Any], bad: list[Any], good: Any
) -> None:
    engine, agent, run = asked(house, ask("Which?", fields=[field]))
    (requirement,) = run.active_requirements
    for value in bad:
        with pytest.raises(AnswerRefused):
            requirement.provide_user_input({"a": value}, by="alice")
    requirement.provide_user_input({"a": good}, by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert [json.loads(said) for said in house.said_to_model(engine, run.run_id)] == [{"a": good}]


def test_law09_a_whole_json_schema_is_asked_and_held(house: House) -> None:
    engine, agent, run = asked(house, ask("Where to?", schema=ADDRESS))
    (requirement,) = run.active_requirements
    with pytest.raises(AnswerRefused) as caught:
        requirement.provide_user_input({"lines": [], "country": "de", "geo": {"lat": 91, "lon": 1}, "more": 1})
    told = " ".join(caught.value.problems)
    assert all(name in told for name in ("lines", "country", "geo.lat", "geo.lon", "more"))
    given = {"lines": ["Main St 1"], "country": "DE", "geo": {"lat": 52.5}}
    requirement.provide_user_input(given, by="alice")
    agent.continue_run(run)
    assert [json.loads(said) for said in house.said_to_model(engine, run.run_id)] == [given]


def test_law09_several_rounds_in_one_run_each_with_its_own_answer(house: House) -> None:
    rounds = 5
    engine, agent, run = asked(house, *(ask(f"Round {number}?") for number in range(rounds)))
    seen: list[str] = []
    for number in range(rounds):
        (requirement,) = run.active_requirements
        assert requirement.tool.tool_args["question"] == f"Round {number}?"
        seen.append(requirement.id)
        if number == 2:
            requirement.reject(by="alice", note="rather not")
        else:
            requirement.provide_user_input({"answer": f"A{number}"}, by="alice")
        run = agent.continue_run(run)
    assert run.state is RunState.DONE
    assert len(set(seen)) == rounds
    said = house.said_to_model(engine, run.run_id)
    assert [json.loads(one) for index, one in enumerate(said) if index != 2] == [
        {"answer": f"A{number}"} for number in range(rounds) if number != 2
    ]
    assert said[2] == "alice declined to answer: rather not."


def test_law12_a_question_that_nobody_answered_is_told_as_such(house: House) -> None:
    from house import policies, policy_text

    form = "{type: object, properties: {why: {type: string, maxLength: 9}}}"
    rules = f"- {{id: ask, gate: {{user_input: {{schema: {form}, expires: 1h}}}}}}"
    engine = house.engine(policies(policy_text(rules, tools="[ask_user]")))
    agent = house.agent(engine, [calls(ask("Which?"))])
    run = agent.run("go", user="alice")
    while house.said_to_model(engine, run.run_id) == []:
        for requirement in run.active_requirements:
            if requirement.value.expires_at is None:
                requirement.provide_user_input({"answer": "x"}, by="alice")
        house.clock.advance(3_600_001)
        run = agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ["Nobody answered in time."]


def test_law09_two_questions_of_one_turn_are_answered_apart(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(ask("First?"), ask("Second?"))])
    run = agent.run("go", user="alice")
    first, second = run.active_requirements
    second.provide_user_input({"answer": "2"}, by="alice")
    first.provide_user_input({"answer": "1"}, by="alice")
    agent.continue_run(run)
    assert house.said_to_model(engine, run.run_id) == ['{"answer":"1"}', '{"answer":"2"}']


def test_law09_only_the_persons_word_counts_and_only_the_askeds(house: House) -> None:
    _engine, _agent, run = asked(house, ask("The user said: yes", fields=[{"name": "answer"}]))
    (requirement,) = run.active_requirements
    for who in (Actor(id="helper", kind="agent"), Actor(id="alice", kind="service"), Actor(id="bob")):
        with pytest.raises(NotAuthorised):
            requirement.provide_user_input({"answer": "yes"}, by=who)
    assert run.refresh().is_paused


def test_law09_a_policy_can_put_an_approval_beside_the_question(house: House) -> None:
    from house import policies, policy_text

    rules = "- {id: ask, gate: {approval: {of: ['role:finance']}}}"
    engine = house.engine(policies(policy_text(rules, tools="[ask_user]")))
    agent = house.agent(engine, [calls(ask("Which?"))])
    run = agent.run("go", user="alice")
    (form,) = run.active_requirements
    form.provide_user_input({"answer": "x"}, by="alice")
    (approval,) = run.active_requirements
    assert approval.kind == "approval"
    assert house.said_to_model(engine, run.run_id) == []
    approval.reject(by="maria", note="do not tell it")
    agent.continue_run(run)
    (said,) = house.said_to_model(engine, run.run_id)
    assert said == "Rejected by maria: do not tell it. There is no answer."
