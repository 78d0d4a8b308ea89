"""People are told through Apprise, here over its JSON service to a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from hitl_fsm import Engine
from hitl_fsm.adapters.notify import channel as channels
from hitl_fsm.adapters.notify.text import FIELD_MAX, TITLE_MAX, body, title
from hitl_fsm.errors import NotifyError, SettingsError
from hitl_fsm.model.notice import Notice
from hitl_fsm.notify import Apprise
from hitl_fsm.runtime.outgoing.outbox import AGAIN_MAX_MS, Told
from house import House, call, calls
from receiver import Desk, desk

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's own

NOTICE = Notice(
    "notice_req_1_opened_people", "requirement_opened", 1_750_000_000_000, "req_1", "run_1", "approval", "pay",
    "helper", "alice", "high", "0123456789ab", ("role:finance",), "2 people of role:finance", "May helper call pay?",
    expires_at=1_750_000_060_000, link="https://desk.example.com/req_1",
)  # fmt: skip


@pytest.fixture
def told() -> Iterator[Desk]:
    with desk() as found:
        yield found


def url_of(told: Desk) -> str:
    return told.url.replace("http://", "json://", 1)


async def test_people_read_what_is_asked_and_how_to_see_it(told: Desk) -> None:
    await Apprise(url_of(told)).send(NOTICE)
    [message] = told.messages
    assert message.json["title"] == "May helper call pay?"
    assert message.json["type"] == "warning"
    assert message.json["message"].splitlines() == [
        "For: 2 people of role:finance",
        "Severity: high",
        "Tool: pay",
        "Agent: helper",
        "Asked for by: alice",
        "Until: 2025-06-15T15:07:40.000Z",
        "Digest: 0123456789ab",
        "See: https://desk.example.com/req_1",
        "Or: hitl-fsm show req_1",
    ]


def test_a_service_that_refuses_is_tried_again(house: House, told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", url_of(told))
    told.usual = 500
    engine = _paused(house, Apprise("env:CHAT"))
    assert engine.notify() == Told()
    told.usual = 200
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(sent=1)
    assert len(told.messages) == 2


def _paused(house: House, *told: Any) -> Engine:
    engine = house.engine("- {id: all, tools: [pay], gate: {approval: {of: [role:finance]}}}", channels=told)
    house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")
    return engine


async def test_a_url_that_is_none_or_not_set_is_told_without_it() -> None:
    for url in ("hush://x", "env:NO_SUCH_CHAT"):
        with pytest.raises(NotifyError) as caught:
            await Apprise(url).send(NOTICE)
        assert "hush" not in str(caught.value)


def test_the_url_is_not_printed() -> None:
    assert repr(Apprise("json://user:hush@127.0.0.1/")) == "Apprise('****', name='people')"
    assert repr(Apprise("env:CHAT", name="chat")) == "Apprise('env:CHAT', name='chat')"


@pytest.mark.parametrize("url", ["", " ", "env:", None, 7])
def test_a_channel_without_a_url_is_refused(url: Any) -> None:
    with pytest.raises(SettingsError, match="the URL of an Apprise channel is empty"):
        Apprise(url)


def test_what_is_not_installed_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="needs the package 'apprise'") as caught:
        Apprise("env:CHAT")
    assert caught.value.help == "pip install 'hitl-fsm[notify]'"


def test_texts_are_short_and_repaint_nothing() -> None:
    evil = replace(NOTICE, asks="\x1b[2J" * 100, note="a\nSee: https://evil.example.com/" + "x" * 2000)
    assert len(title(evil)) == TITLE_MAX
    assert title(evil).startswith("⟦U+001B⟧[2J")
    assert title(evil).endswith("…")
    lines = body(evil).splitlines()
    assert [line for line in lines if line.startswith("See")] == ["See: https://desk.example.com/req_1"]
    reason = next(line for line in lines if line.startswith("Reason: "))
    assert reason.startswith("Reason: a⟦U+000A⟧See: https://evil")
    assert len(reason) == len("Reason: ") + FIELD_MAX


def test_arguments_that_are_told_say_what_is_not_shown() -> None:
    text = body(replace(NOTICE, args={"to": "bob"}, hidden=("iban",)))
    assert 'Arguments: {"to":"bob"}\nNot shown: iban\n' in text
    assert "Arguments: too long to be shown here" in body(replace(NOTICE, omitted=True))
