"""The five use cases: confirm, user input, dynamic input, external execution, approval and audit."""

from __future__ import annotations

import pytest

from hitl_fsm import ask_user, tool
from hitl_fsm.errors import AnswerRefused, NotAuthorised
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from parity.desk import an_agent, asks, told

CONFIRM = "- {id: all, gate: confirm}"
TO = "schema: {type: object, required: [to], properties: {to: {type: string, maxLength: 100, pattern: '@'}}}"
INPUT = f"- {{id: all, gate: {{user_input: {{{TO}}}}}}}"


@tool
def transfer(account: str, amount: float) -> str:
    """Send money."""
    return f"sent {amount} to {account}"


@tool
def mail(subject: str, to: str) -> str:
    """Send a mail."""
    return f"mailed {to}: {subject}"


# -- confirmation


def test_a_tool_that_requires_confirmation_pauses_and_runs_once_confirmed() -> None:
    agent = an_agent(CONFIRM, transfer, script=[asks(("transfer", {"account": "bob", "amount": 5}))])
    run = agent.run("Pay bob 5")
    assert run.is_paused
    for requirement in run.active_requirements:
        assert requirement.needs_confirmation
        assert requirement.tool.tool_name == "transfer"
        assert requirement.tool.tool_args == {"account": "bob", "amount": 5}
        requirement.confirm()
    run = agent.continue_run(run_id=run.run_id, requirements=run.requirements)
    assert (run.is_paused, run.output) == (False, "sent 5.0 to bob")


def test_a_rejected_tool_does_not_run_and_the_model_reads_the_note() -> None:
    agent = an_agent(CONFIRM, transfer, script=[asks(("transfer", {"account": "bob", "amount": 5}))])
    run = agent.run("Pay bob 5")
    run.active_requirements[0].reject(note="bob was paid yesterday")
    run = agent.continue_run(run)
    assert run.state is RunState.DONE
    assert "bob was paid yesterday" in told(agent, run.run_id)[0]
    assert "sent" not in (run.output or "")


def test_confirmed_with_other_arguments_the_tool_gets_those_if_the_policies_let_it() -> None:
    rules = f"{CONFIRM}\n- {{id: much, when: args.amount > 1000, gate: {{deny: {{note: too much}}}}}}"
    for amount, said in ((5, "sent 5.0 to bob"), (5000, "too much")):
        agent = an_agent(rules, transfer, script=[asks(("transfer", {"account": "bob", "amount": 500}))])
        run = agent.run("Pay bob")
        run.active_requirements[0].confirm(args={"account": "bob", "amount": amount})
        run = agent.continue_run(run)
        assert said in told(agent, run.run_id)[0]


# -- user input


def test_the_fields_of_the_user_come_from_the_user_and_the_others_from_the_model() -> None:
    agent = an_agent(INPUT, mail, script=[asks(("mail", {"subject": "hello", "to": "invented@by.model"}))])
    run = agent.run("Mail somebody")
    for requirement in run.active_requirements:
        assert requirement.needs_user_input
        assert list((requirement.schema or {})["properties"]) == ["to"]
        assert "invented@by.model" not in requirement.tool.tool_args.values()
        requirement.provide_user_input({"to": "ann@example.com"})
    assert agent.continue_run(run).output == "mailed ann@example.com: hello"


@pytest.mark.parametrize("bad", [{}, {"to": 7}, {"to": "no address"}, {"to": "a@b", "subject": "mine"}])
def test_an_answer_that_does_not_fit_is_refused_and_can_be_given_again(bad: dict[str, object]) -> None:
    agent = an_agent(INPUT, mail, script=[asks(("mail", {"subject": "hello"}))])
    run = agent.run("Mail somebody")
    [requirement] = run.active_requirements
    with pytest.raises(AnswerRefused) as refused:
        requirement.provide_user_input(bad)
    assert refused.value.problems
    requirement.provide_user_input({"to": "ann@example.com"})
    assert agent.continue_run(run).output == "mailed ann@example.com: hello"


# -- dynamic input


def test_an_agent_asks_for_what_it_does_not_know_in_several_rounds() -> None:
    first = {"question": "Whom?", "fields": [{"name": "to"}]}
    second = {
        "question": "About what?",
        "fields": [{"name": "subject", "type": "string"}, {"name": "copies", "type": "integer"}],
    }
    agent = an_agent(
        "- {id: all, gate: audit}",
        ask_user,
        mail,
        script=[asks(("ask_user", first)), asks(("ask_user", second)), asks(("mail", {"subject": "s", "to": "t"}))],
    )
    answers = {"to": "ann", "subject": "lunch", "copies": 2}
    run = agent.run("Mail somebody")
    rounds = 0
    while run.is_paused:
        rounds += 1
        for requirement in run.active_requirements:
            assert requirement.needs_user_input
            fields = (requirement.schema or {})["properties"]
            requirement.provide_user_input({name: answers[name] for name in fields})
        run = agent.continue_run(run_id=run.run_id, requirements=run.requirements)
    assert rounds == 2
    assert run.output == "mailed t: s"
    assert '"lunch"' in told(agent, run.run_id)[1]


def test_a_question_with_options_takes_only_these() -> None:
    fields = [
        {"name": "city", "choices": ["Rome", "Oslo"]},
        {"name": "extras", "choices": ["wifi", "pool"], "multiple": True},
    ]
    agent = an_agent(
        "- {id: all, gate: audit}", ask_user, script=[asks(("ask_user", {"question": "?", "fields": fields}))]
    )
    run = agent.run("Book a trip")
    [requirement] = run.active_requirements
    for bad in ({"city": "Bern", "extras": []}, {"city": "Rome", "extras": ["bar"]}):
        with pytest.raises(AnswerRefused):
            requirement.provide_user_input(bad)
    requirement.provide_user_input({"city": "Rome", "extras": ["wifi", "pool"]})
    run = agent.continue_run(run)
    assert '"Rome"' in told(agent, run.run_id)[0]
    assert '"pool"' in told(agent, run.run_id)[0]


# -- external execution


def external(function: str, more: str = "") -> str:
    schema = "{type: object, required: [receipt], properties: {receipt: {type: string}}}"
    return f"- {{id: all, tools: {function}, gate: {{external: {{route: bank, result_schema: {schema}{more}}}}}}}"


def test_an_external_tool_is_never_run_here_and_its_result_is_checked() -> None:
    @tool
    def payout(iban: str) -> str:
        """The bank does it."""
        raise AssertionError("never here")

    agent = an_agent(external("payout"), payout, script=[asks(("payout", {"iban": "DE1"}))])
    run = agent.run("Pay out")
    for requirement in run.active_requirements:
        assert requirement.is_external_tool_execution
        with pytest.raises(AnswerRefused):
            requirement.set_external_execution_result("done")
        requirement.set_external_execution_result({"receipt": "R-1"})
    run = agent.continue_run(run_id=run.run_id, requirements=run.requirements)
    assert told(agent, run.run_id) == ['{"receipt":"R-1"}']


def test_a_silent_external_call_pauses_and_is_not_announced() -> None:
    @tool
    def payout(iban: str) -> str:
        """The bank does it."""
        raise AssertionError("never here")

    for more, silent in ((", silent: true", True), ("", False)):
        agent = an_agent(external("payout", more), payout, script=[asks(("payout", {"iban": "DE1"}))])
        events = list(agent.run("Pay out", stream=True))
        assert [event for event in events if event.event == "ContentDelta"] == []
        assert events[-1].is_paused
        assert events[-1].run.output is None
        assert [one.is_silent for one in events[-1].active_requirements] == [silent]


# -- approval


APPROVAL = "- {id: all, gate: {approval: {of: ['role:manager'], not: [requester], expires: 4h}}}"


def test_a_required_approval_blocks_until_somebody_with_the_role_gives_it() -> None:
    agent = an_agent(APPROVAL, transfer, script=[asks(("transfer", {"account": "bob", "amount": 5}))])
    run = agent.run("Pay bob 5", user="otto")
    assert agent.continue_run(run_id=run.run_id).is_paused
    [waiting] = agent.engine.inbox.list()
    for nobody in ("otto", "alice"):
        with pytest.raises(NotAuthorised):
            agent.engine.inbox.get(waiting.requirement_id).confirm(by=nobody)
    agent.engine.inbox.get(waiting.requirement_id).confirm(by="maria", note="fine")
    assert agent.engine.inbox.list() == []
    assert agent.continue_run(run_id=run.run_id).output == "sent 5.0 to bob"


def test_an_audited_tool_does_not_wait_and_is_on_the_record() -> None:
    agent = an_agent(
        "- {id: seen, gate: audit}", transfer, script=[asks(("transfer", {"account": "bob", "amount": 5}))]
    )
    run = agent.run("Pay bob 5", user="alice")
    assert run.output == "sent 5.0 to bob"
    [judged] = [line for line in agent.engine.runs.timeline(run.run_id) if line["event"] == "call_judged"]
    assert (judged["data"]["audit"], judged["data"]["reasons"][0]["rule"]) == (True, "seen")
    assert agent.engine.audit.verify().intact


def test_an_audited_confirmation_leaves_who_answered_on_the_record() -> None:
    agent = an_agent(
        "- {id: seen, gate: [audit, confirm]}", transfer, script=[asks(("transfer", {"account": "bob", "amount": 5}))]
    )
    run = agent.run("Pay bob 5", user="alice")
    run.active_requirements[0].confirm(by="alice", note="as agreed")
    agent.continue_run(run)
    [closed] = [line for line in agent.engine.runs.timeline(run.run_id) if line["event"] == "requirement_resolved"]
    assert closed["by"]["id"] == "alice"
    beside = run_sync(agent.engine.store.contents([closed["seq"]]))
    assert beside[closed["seq"]]["answer"]["note"] == "as agreed"


# -- mixtures


def test_gates_of_several_kinds_on_one_call_are_passed_in_order() -> None:
    gates = f"[{{user_input: {{{TO}}}}}, confirm, {{approval: {{of: ['role:manager']}}}}]"
    agent = an_agent(f"- {{id: all, gate: {gates}}}", mail, script=[asks(("mail", {"subject": "hello", "to": "x"}))])
    run = agent.run("Mail", user="alice")
    kinds = []
    while run.is_paused:
        [requirement] = run.active_requirements
        kinds.append(requirement.kind)
        if requirement.needs_user_input:
            requirement.provide_user_input({"to": "ann@example.com"})
        else:
            assert requirement.tool.tool_args["to"] == "ann@example.com", "each stage sees what the former left"
            requirement.confirm(by="maria" if requirement.kind == "approval" else None)
        run = agent.continue_run(run)
    assert kinds == ["user_input", "confirm", "approval"]
    assert run.output == "mailed ann@example.com: hello"


def test_gated_and_free_calls_of_one_turn_keep_the_models_order() -> None:
    agent = an_agent(
        "- {id: pay, tools: transfer, gate: confirm}\n- {id: mail, tools: mail, gate: allow}",
        transfer,
        mail,
        script=[
            asks(
                ("mail", {"subject": "1", "to": "a"}),
                ("transfer", {"account": "b", "amount": 2}),
                ("mail", {"subject": "3", "to": "c"}),
            )
        ],
    )
    run = agent.run("Go")
    [requirement] = run.active_requirements
    requirement.confirm()
    run = agent.continue_run(run)
    assert told(agent, run.run_id) == ["mailed a: 1", "sent 2.0 to b", "mailed c: 3"]
