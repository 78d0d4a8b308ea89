"""Members of a team over real HTTP: what they say comes as their providers send it, side by side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from hitl_fsm import Agent, Team, stream
from house import House, policies, policy_text
from wire.anthropic_wire import AnthropicWire
from wire.base import Says, Wire, cut
from wire.cleanup import close_connections
from wire.openai_wire import OpenAIWire

pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:litellm\..*")

FREE = policies(policy_text("- {id: none, tools: [none], gate: deny}", tools='["*"]', extra="default: allow"))
SECONDS = 120
WARM = "warm"


class Turns:
    """Lets two servers send a piece in turn, and no text before what went before it is heard."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sent = {"clerk": 0, "scout": 0}
        self._told = {"clerk": 0, "scout": 0}
        self._heard = {"clerk": 0, "scout": 0}

    def wait(self, who: str) -> None:
        """Until the other one has sent as many pieces as this one has."""
        other = "scout" if who == "clerk" else "clerk"
        with self._changed:
            assert self._changed.wait_for(lambda: self._sent[other] >= self._sent[who], SECONDS)
            self._sent[who] += 1
            self._changed.notify_all()

    def told(self, who: str, text: str) -> None:
        """It has been sent. The one before it must be heard: a client may hold a piece until the next one comes."""
        with self._changed:
            before = self._told[who]
            self._told[who] += len(text)
            assert self._changed.wait_for(lambda: self._heard[who] >= before, SECONDS)

    def heard(self, who: str, text: str) -> None:
        """The reader has it."""
        with self._changed:
            self._heard[who] += len(text)
            self._changed.notify_all()

    def over(self, who: str) -> None:
        with self._changed:
            self._sent[who] = 10_000
            self._changed.notify_all()


def slow(kind: type[Wire], who: str, turns: Turns) -> type[Wire]:
    class Slow(kind):  # type: ignore[misc, valid-type]
        def pieces(self, says: Says) -> Iterator[str]:
            if says.text == WARM:
                yield from super().pieces(says)
                return
            texts = cut(says.text)
            for piece in super().pieces(says):
                turns.wait(who)
                yield piece
                if texts and json.dumps(texts[0]) in piece:
                    turns.told(who, texts.pop(0))
            turns.over(who)

    return Slow


async def test_what_two_members_say_arrives_interleaved_as_it_is_sent(house: House) -> None:
    engine, turns = house.engine(FREE), Turns()
    texts = {"clerk": "the clerk says a rather long sentence, piece by piece", "scout": "the scout says another " * 3}
    kinds = {"clerk": slow(OpenAIWire, "clerk", turns), "scout": slow(AnthropicWire, "scout", turns)}
    try:
        scripts = {name: [Says(WARM), Says(text)] for name, text in texts.items()}
        with kinds["clerk"](scripts["clerk"]) as one, kinds["scout"](scripts["scout"]) as other:
            members = [
                Agent(name, wire.model, engine=engine, model_options=wire.options)
                for name, wire in (("clerk", one), ("scout", other))
            ]
            team = Team("both", members, mode="broadcast", engine=engine)
            async for _ in team.arun("Be ready", user="alice", stream=True):
                pass  # a first request takes long, and would find the whole answer waiting
            events = []
            async for event in team.arun("Say it", user="alice", stream=True):
                events.append(event)
                if isinstance(event, stream.ContentDelta) and event.is_nested:
                    turns.heard(event.path[-1].removeprefix("agent "), event.text)
            assert not one.problems + other.problems
    finally:
        await close_connections()
    said = [event for event in events if isinstance(event, stream.ContentDelta) and event.is_nested]
    for name, text in texts.items():
        assert "".join(event.text for event in said if event.path == ("team both", f"agent {name}")) == text
    switches = sum(before.frame != after.frame for before, after in pairwise(said))
    assert switches >= 6, [(event.frame, event.text) for event in said]
    assert isinstance(events[-1], stream.RunCompleted)
