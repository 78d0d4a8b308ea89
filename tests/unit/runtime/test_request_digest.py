"""The digest of what a model was asked: all of it, under the run's salt, and no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from hitl_fsm.model.message import ChatRequest, Message, ModelReply, ToolSpec
from hitl_fsm.runtime.agents.ask_model import Candidate
from hitl_fsm.runtime.agents.request_digest import request_digest
from house import House

ASKED = ChatRequest("acme/m", (Message("user", "hi"),), (ToolSpec("pay", "", {}),), {"temperature": 0.5})


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "acme/n"},
        {"messages": (Message("user", "ho"),)},
        {"messages": (Message("system", "hi"),)},
        {"tools": ()},
        {"options": {"temperature": 0.6}},
        {"output_schema": {}},
    ],
)
def test_it_is_of_all_that_was_asked(changed: dict[str, Any]) -> None:
    assert request_digest(replace(ASKED, **changed), "s") != request_digest(ASKED, "s") != request_digest(ASKED, "t")
    assert request_digest(replace(ASKED), "s") == request_digest(ASKED, "s")


@pytest.mark.parametrize(
    "at",
    [{"api_key": "%s"}, {"extra_headers": {"x": "%s"}}, {"credentials": [{"token": "%s"}]}, {"Authorization": "%s"}],
)
def test_a_secret_among_the_options_is_no_part_of_it(at: dict[str, Any]) -> None:
    one, other = (json.loads(json.dumps(at) % secret) for secret in ("a", "b"))
    assert request_digest(replace(ASKED, options=one), "s") == request_digest(replace(ASKED, options=other), "s")
    assert request_digest(replace(ASKED, options=one), "s") != request_digest(replace(ASKED, options={}), "s")


def test_an_option_that_is_no_json_is_told_by_its_kind() -> None:
    one, other = (replace(ASKED, options={"client": object()}) for _ in range(2))
    assert request_digest(one, "s") == request_digest(other, "s")


class Named:
    """A model that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []

    async def reply(self, request: ChatRequest, on_text: Any = None) -> ModelReply:
        self.asked.append(request)
        return ModelReply(text="done")


def test_the_line_of_a_turn_has_it(house: House) -> None:
    from hitl_fsm import Agent

    engine, model = house.engine(), Named()
    run = Agent("helper", model, engine=engine, tools=house.tools()).run("go", user="alice")
    (line,) = [one for one in engine.runs.timeline(run.run_id) if one["event"] == "model_replied"]
    assert line["data"]["request"] == request_digest(model.asked[0], run.value.salt)
    assert "provider" not in line["data"], "its name does not say"


def test_who_runs_a_model_stands_in_its_name() -> None:
    candidates = [Candidate(name, Named()) for name in ("acme/big/one", "big", "")]
    assert [one.provider for one in candidates] == ["acme", "", ""]
