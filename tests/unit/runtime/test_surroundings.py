"""An agent with hooks, guards, a context and a form of its answer: what comes of them in a run."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from hitl_fsm import Agent, CallContext, GuardRefused, Guards, Hooks, current_call, tool
from hitl_fsm.errors import InputRefused, ToolError
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.runtime.agents.output import OUTPUT_TRIES
from hitl_fsm.runtime.streaming.stream import ContentDelta
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls
from receiver import wait_for


class Heard(ScriptedModel):
    """A scripted model that keeps what it was asked."""

    def __init__(self, replies: list[Any]) -> None:
        super().__init__(replies)
        self.requests: list[ChatRequest] = []

    async def reply(self, request: ChatRequest, on_text: Any = None) -> ModelReply:
        self.requests.append(request)
        return await super().reply(request, on_text)


def say(text: str) -> dict[str, str]:
    return {"say": text}


class Total(pydantic.BaseModel):
    total: int


def agent_of(house: House, replies: list[Any], rules: str = "- {id: all, gate: allow}", **options: Any) -> Any:
    model = Heard([*replies])
    tools = options.pop("tools", house.tools())
    return Agent("helper", model, engine=house.engine(rules), tools=tools, **options), model


# -- hooks


def test_a_before_hook_refuses_and_the_model_is_told(house: House) -> None:
    def no(context: CallContext, name: str, args: dict[str, Any]) -> None:
        if name == "pay":
            raise PermissionError("not on Sundays")

    agent, _ = agent_of(
        house,
        [calls(call("pay", to="bob", amount=1), call("look", order_id="o1")), say("end")],
        hooks=Hooks(before=[no]),
    )
    run = agent.run("go")
    assert (run.state, house.effects) == ("done", [("look", "o1")])
    told = house.said_to_model(agent.engine, run.run_id)
    assert told == ["The hook no refused it: PermissionError: not on Sundays. It was not executed.", "order o1"]
    assert "call_failed" in house.records(agent.engine, run.run_id)


def test_a_before_hook_is_not_asked_before_a_person_answered(house: House) -> None:
    asked: list[str] = []

    def watch(context: CallContext, name: str, args: dict[str, Any]) -> None:
        asked.append(context.call_id)

    agent, _ = agent_of(
        house,
        [calls(call("pay", to="bob", amount=1)), say("end")],
        "- {id: all, gate: confirm}",
        hooks=Hooks(before=[watch]),
    )
    run = agent.run("go")
    assert asked == []
    run.active_requirements[0].confirm()
    assert asked == []
    agent.continue_run(run)
    assert asked == ["1.0"]


def test_an_after_hook_gives_the_result_that_is_recorded_reviewed_and_read(house: House) -> None:
    def mask(context: CallContext, name: str, result: Any) -> str:
        return result.replace("bob", "···")

    agent, _ = agent_of(
        house,
        [calls(call("pay", to="bob", amount=1)), say("end")],
        "- {id: all, gate: {review: {}}}",
        hooks=Hooks(after=[mask]),
    )
    run = agent.run("go")
    assert run.active_requirements[0].result == "paid 1.0 to ···"
    run.active_requirements[0].accept()
    agent.continue_run(run)
    assert house.said_to_model(agent.engine, run.run_id) == ["paid 1.0 to ···"]
    assert "to bob" not in str(list(agent.engine.runs.events(run.run_id)))


def test_an_after_hook_that_fails_withholds_the_result(house: House) -> None:
    def mask(context: CallContext, name: str, result: Any) -> str:
        raise ValueError(result)

    agent, _ = agent_of(house, [calls(call("pay", to="bob", amount=1)), say("end")], hooks=Hooks(after=[mask]))
    run = agent.run("go")
    assert house.effects == [("pay", "bob", 1, "-")]
    (told,) = house.said_to_model(agent.engine, run.run_id)
    assert told.startswith("The hook mask failed on its result: ValueError. It was executed")
    assert "paid 1.0 to bob" not in str(list(agent.engine.runs.events(run.run_id)))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.usefixtures("begun_in_time")
def test_what_a_thread_comes_to_after_its_time_passes_the_after_hooks_too(house: House, fails: bool) -> None:
    import threading

    gate = threading.Event()

    @tool(timeout_s=0.05)
    def pay(to: str) -> str:
        gate.wait(60)
        return f"paid {to}"

    async def mask(context: CallContext, name: str, result: Any) -> str:
        if fails:
            raise ValueError(result)
        return result.replace("bob", "···")

    agent, _ = agent_of(house, [calls(call("pay", to="bob")), say("end")], tools=[pay], hooks=Hooks(after=[mask]))
    run = agent.run("go")
    assert run.active_requirements[0].is_outcome_unknown
    gate.set()
    wait_for(lambda: not agent.engine.runs.get(run.run_id).active_requirements)
    assert agent.continue_run(run_id=run.run_id).state == "done"
    (told,) = house.said_to_model(agent.engine, run.run_id)
    assert told == "paid ···" or (fails and "failed on its result: ValueError" in told)
    assert "paid bob" not in str(list(agent.engine.runs.events(run.run_id)))


# -- guards


def no_cards(text: str) -> str | None:
    return "it has a card number" if "4242" in text else None


def test_a_refused_input_fails_the_run_and_no_model_is_called(house: House) -> None:
    agent, model = agent_of(house, [say("hello")], guards=Guards(input=[no_cards]))
    run = agent.run("my card is 4242")
    assert (run.state, run.output, model.requests) == ("failed", None, [])
    assert run.error == "The input guard no_cards refused: it has a card number"
    again = agent.continue_run(run)
    assert (again.state, model.requests) == ("failed", [])
    assert agent.run("hello").output == "hello"


def test_a_refused_output_is_shown_to_nobody(house: House) -> None:
    asked: list[str] = []

    def strict(text: str) -> None:
        asked.append(text)
        if len(asked) == 1:
            raise GuardRefused("cards stay here")

    agent, _ = agent_of(house, [say("it is 4242")], guards=Guards(output=[strict]))
    events = list(agent.run("go", stream=True))
    run = agent.engine.runs.get(events[-1].run_id)
    assert (run.state, run.output) == ("failed", None)
    assert run.error == "The output guard strict refused: cards stay here"
    assert [e for e in events if isinstance(e, ContentDelta)] == []
    assert "it is 4242" not in str(list(agent.engine.runs.events(run.run_id)))
    assert agent.continue_run(run).output == "it is 4242"
    assert asked == ["it is 4242"] * 2


def test_a_text_that_passed_the_output_guard_is_streamed_in_one_piece(house: House) -> None:
    agent, _ = agent_of(house, [say("all is well here")], guards=Guards(output=[no_cards]))
    deltas = [e.text for e in agent.run("go", stream=True) if isinstance(e, ContentDelta)]
    assert deltas == ["all is well here"]


# -- context


def test_instructions_and_tools_read_the_context_and_it_survives_the_process(house: House) -> None:
    seen: list[Any] = []

    @tool
    def look(order_id: str) -> str:
        context = current_call().context
        seen.append(dict(context))
        context["customer"] = "spoilt"
        return order_id

    replies = [calls(call("look", order_id="o1")), calls(call("look", order_id="o2")), say("end")]
    options: dict[str, Any] = {"tools": [look], "instructions": "Help {customer}, tier {tier}."}
    agent, model = agent_of(house, replies, "- {id: all, gate: confirm}", **options)
    run = agent.run("go", context={"customer": "Ada", "tier": 3})
    run.active_requirements[0].confirm()
    other, later = agent_of(house, replies, "- {id: all, gate: confirm}", **options)
    run = other.continue_run(run_id=run.run_id)
    run.active_requirements[0].confirm()
    run = other.continue_run(run)
    assert run.state == "done"
    assert seen == [{"customer": "Ada", "tier": 3}] * 2
    assert {r.messages[0].content for r in (*model.requests, *later.requests)} == {"Help Ada, tier 3."}


def test_a_context_that_lacks_a_name_starts_no_run(house: House) -> None:
    agent, model = agent_of(house, [say("hello")], instructions="Help {customer}.")
    with pytest.raises(InputRefused, match="has no 'customer'"):
        agent.run("go", context={"custommer": "Ada"})
    with pytest.raises(InputRefused, match="which is not JSON"):
        agent.run("go", context={"customer": object()})
    assert (model.requests, agent.engine.runs.list()) == ([], [])


def test_instructions_made_by_a_function_fail_the_run_where_it_raises(house: House) -> None:
    def made(context: dict[str, Any]) -> str:
        return f"Help {context['customer']}."

    agent, model = agent_of(house, [say("hello")], instructions=made)
    run = agent.run("go")
    assert run.state == "failed"
    assert "the instructions could not be made: KeyError: 'customer'" in (run.error or "")
    assert agent.run("go", context={"customer": "Ada"}).output == "hello"
    assert model.requests[0].messages[0].content == "Help Ada."


# -- the form of the answer


def test_an_answer_of_the_form_asked_for(house: House) -> None:
    agent, model = agent_of(house, [say('{"total": 3}')], output_schema=Total)
    run = agent.run("count")
    assert (run.output, run.parsed, run.value.result) == ('{"total": 3}', Total(total=3), {"total": 3})
    assert model.requests[0].output_schema == Total.model_json_schema()


def test_an_answer_that_does_not_fit_is_asked_for_again(house: House) -> None:
    agent, model = agent_of(house, [say("three"), say('{"total": "3"}'), say('{"total": 3}')], output_schema=Total)
    run = agent.run("count")
    assert run.parsed == Total(total=3)
    told = [m.content for m in model.requests[-1].messages if m.role == "user"]
    assert "Invalid JSON" in told[1]
    assert "total: Input should be a valid integer" in told[2]
    assert [m.content for m in model.requests[-1].messages if m.role == "assistant"] == ["three", '{"total": "3"}']


def test_answers_that_never_fit_fail_the_run_clearly_and_it_may_be_continued(house: House) -> None:
    agent, model = agent_of(house, [say("no")] * (OUTPUT_TRIES + 1) + [say('{"total": 3}')], output_schema=Total)
    run = agent.run("count")
    assert (run.state, run.output, run.parsed, len(model.requests)) == ("failed", None, None, OUTPUT_TRIES)
    assert (run.error or "").startswith(
        f"None of {OUTPUT_TRIES} answers fits output_schema Total. The last: Invalid JSON"
    )
    run = agent.continue_run(run)
    assert (run.state, len(model.requests)) == ("failed", OUTPUT_TRIES + 1)
    assert agent.continue_run(run).parsed == Total(total=3)


def test_a_refused_answer_is_replayed_without_asking_the_model_or_the_type(house: House) -> None:
    agent, _ = agent_of(house, [say("three"), say('{"total": 3}')], output_schema=Total)
    run = agent.run("count")
    other = house.engine("- {id: all, gate: allow}")
    read = other.runs.get(run.run_id)
    assert (read.output, read.value.result, read.parsed) == ('{"total": 3}', {"total": 3}, None)


def test_calls_before_the_answer_are_left_alone(house: House) -> None:
    agent, _ = agent_of(house, [calls(call("look", order_id="o1")), say('{"total": 3}')], output_schema=Total)
    assert agent.run("count").parsed == Total(total=3)
    assert house.effects == [("look", "o1")]


def test_wrong_options_are_refused_when_the_agent_is_built(house: House) -> None:
    with pytest.raises(ToolError, match="hooks is of type list"):
        agent_of(house, [], hooks=[print])
    with pytest.raises(ToolError, match="guards is of type Hooks"):
        agent_of(house, [], guards=Hooks())
    agent, _ = agent_of(house, [say("1")], output_schema=object())
    with pytest.raises(ToolError, match="is no type that JSON can carry"):
        agent.run("go")
    assert agent.engine.runs.list() == []
