"""Models that stand in for one: who is asked, when, with what, and what the log says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hitl_fsm import Agent
from hitl_fsm.adapters.model_scripted import register
from hitl_fsm.errors import ModelError, SettingsError
from hitl_fsm.model.event import Entry, ModelReplied
from hitl_fsm.model.message import ChatRequest, Message, ModelReply, Spent
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.agents import ask_model
from hitl_fsm.runtime.agents.ask_model import FALLBACKS, MODEL_ATTEMPTS, Candidate
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

ALLOW = "- {id: all, tools: [look, note], gate: allow}"


class Model:
    """Says what it is told to, one thing a call, the last one for ever: text, a ModelReply, or an error to raise."""

    def __init__(self, *says: Any, origin: str = "", streams: str = "") -> None:
        self.says, self.origin, self.streams = list(says), origin, streams
        self.asked: list[ChatRequest] = []

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        self.asked.append(request)
        said = self.says[min(len(self.asked), len(self.says)) - 1]
        if on_text is not None and self.streams:
            on_text(self.streams)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, ModelReply) else ModelReply(text=said)


BUSY = ModelError("busy", retryable=True)
REFUSES = ModelError("refuses the key")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask_model, "MODEL_BACKOFF_S", 0)


def agent(house: House, model: Any, *fallbacks: Any, **options: Any) -> Agent:
    return Agent("helper", model, engine=house.engine(ALLOW), tools=house.tools(), fallbacks=fallbacks, **options)


def replied(of: Agent, run_id: str) -> list[ModelReplied]:
    return [e.event for e in of.engine.runs.events(run_id) if isinstance(e.event, ModelReplied)]


@pytest.mark.parametrize(
    ("error", "tries"),
    [(BUSY, MODEL_ATTEMPTS), (REFUSES, 1), (ValueError("broken"), 1), (ModelReply(text=None), 1)],  # type: ignore[arg-type]
    ids=["attempts exhausted", "for good", "raises", "a reply that cannot be used"],
)
def test_the_next_is_asked_when_one_failed_for_good(house: House, error: Any, tries: int) -> None:
    first, second, third = Model(error), Model(ModelReply(text="hello", model="second-0001")), Model("unasked")
    made = agent(house, first, second, third)
    run = made.run("go")
    assert run.output == "hello"
    assert [len(one.asked) for one in (first, second, third)] == [tries, 1, 0]
    (event,) = replied(made, run.run_id)
    assert event.model == "second-0001"
    assert len(event.instead_of) == 1
    assert event.instead_of[0] in {"busy", "refuses the key"} or "model" in event.instead_of[0]
    (line,) = [one for one in made.engine.runs.timeline(run.run_id) if one["event"] == "model_replied"]
    assert (line["data"]["fallbacks"], set(line["contents"])) == (1, {"text", "instead_of"})


def test_who_answers_first_is_not_told_of_as_a_fallback(house: House) -> None:
    made = agent(house, Model("hello"), Model("unasked"))
    (event,) = replied(made, made.run("go").run_id)
    assert (event.instead_of, event.model) == ((), "Model")


def test_the_first_is_asked_first_in_every_turn(house: House) -> None:
    look = ScriptedModel([calls(call("look", order_id="1"))])
    first = Model(REFUSES, "hello again")
    made = agent(house, first, look)
    run = made.run("go")
    assert run.output == "hello again"
    assert [event.instead_of for event in replied(made, run.run_id)] == [("refuses the key",), ()]


def test_nobody_answers(house: House) -> None:
    first, second = Model(REFUSES), Model(BUSY)
    made = agent(house, first, second)
    run = made.run("go")
    assert run.state is RunState.FAILED
    assert "none of 2 models answered: refuses the key; busy" in (run.error or "")
    assert [len(first.asked), len(second.asked)] == [1, MODEL_ATTEMPTS]
    second.says = ["better"]
    assert made.continue_run(run).output == "better"


def test_nobody_is_asked_after_text_was_streamed(house: House) -> None:
    first, second = Model(BUSY, streams="half a sen"), Model("unasked")
    made = agent(house, first, second)
    last = list(made.run("go", stream=True))[-1]
    assert last.run.state is RunState.FAILED
    assert [len(first.asked), len(second.asked)] == [1, 0]
    quiet = agent(house, Model(BUSY), Model("whole", streams="whole"))
    assert list(quiet.run("go", stream=True))[-1].run.output == "whole"


def test_key_and_address_of_one_model_go_to_no_other(house: House) -> None:
    register("fallback-named", ScriptedModel([lambda request: ModelReply(text=f"{request.model} {request.options}")]))
    options = {"api_key": "test-key-not-secret-0123", "api_base": "http://127.0.0.1:1"}
    first, second = Model(REFUSES), Model(REFUSES)
    run = agent(house, first, second, "scripted/fallback-named", model_options=options).run("go")
    assert first.asked[0].options == options
    assert second.asked[0].options == {}
    assert run.output == "scripted/fallback-named {}"


def look(echo: dict[str, Any]) -> ModelReply:
    return ModelReply(calls=ScriptedModel([calls(call("look", order_id="1"))])._replies[0].calls, echo=echo)  # type: ignore[union-attr]


def echoes(request: ChatRequest) -> list[Any]:
    return [message.echo for message in request.messages if message.role == "assistant"]


def test_opaque_data_goes_back_to_its_own_provider_only(house: House) -> None:
    theirs, others = {"signature": "c2ln"}, {"thoughts": "hm"}
    first = Model(look(theirs), REFUSES, "end", origin="one")
    second = Model(look(others), origin="two")
    made = agent(house, first, second)
    run = made.run("go")
    assert run.output == "end"
    assert echoes(first.asked[1]) == [theirs]
    assert echoes(second.asked[0]) == [None]
    assert echoes(first.asked[2]) == [theirs, None]
    assert [event.origin for event in replied(made, run.run_id)] == ["one", "two", ""]


def test_opaque_data_does_not_follow_an_agent_to_another_provider(house: House) -> None:
    first = Model(look({"signature": "c2ln"}), REFUSES, origin="one")
    engine = house.engine(ALLOW)
    run = Agent("helper", first, engine=engine, tools=house.tools()).run("go")
    moved = Model("end", origin="two")
    assert Agent("helper", moved, engine=engine, tools=house.tools()).continue_run(run_id=run.run_id).output == "end"
    assert echoes(moved.asked[0]) == [None]


async def test_what_an_old_log_holds_is_the_first_models() -> None:
    old = Message("assistant", "a", echo={"signature": "c2ln"})
    first, second = Model(REFUSES, origin="one"), Model("end", origin="two")
    candidates = (Candidate("one", first), Candidate("two", second))
    await ask_model.ask_model(candidates, ChatRequest("one", (old,)), None, lambda *_, **__: None, "run_1")  # type: ignore[arg-type]
    assert echoes(first.asked[0]) == [old.echo]
    assert echoes(second.asked[0]) == [None]


def test_logs_from_before_are_read() -> None:
    line = (
        b'{"seq":2,"at":5,"by":{"id":"engine","kind":"service"},"event":{"type":"model_replied","text":"hi",'
        b'"usage":{"prompt":11,"completion":7},"model":"gpt-test","echo":{"reasoning_content":"hm"}}}'
    )
    event = msgspec.json.decode(line, type=Entry).event
    assert isinstance(event, ModelReplied)
    assert (event.origin, event.instead_of, event.usage.cost) == ("", (), None)
    assert Spent().plus(event.usage) == Spent(replies=1, prompt=11, completion=7, unpriced=1)


@pytest.mark.parametrize("wrong", ["anthropic/x", None, ["scripted/nobody-registered-this"], ["x"] * (FALLBACKS + 1)])
def test_what_is_no_list_of_models_is_refused_at_once(house: House, wrong: Any) -> None:
    with pytest.raises(SettingsError):
        Agent("helper", Model("x"), engine=house.engine(ALLOW), fallbacks=wrong)
