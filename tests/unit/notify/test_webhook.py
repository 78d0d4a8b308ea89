"""Machines are told over real HTTP: signed, the same id each time, nowhere else than to the one URL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from hitl_fsm import Engine
from hitl_fsm.adapters.notify import webhook
from hitl_fsm.adapters.notify.webhook import checked_url
from hitl_fsm.errors import NotifyError, SettingsError
from hitl_fsm.model.notice import Notice
from hitl_fsm.notify import Webhook
from hitl_fsm.runtime.outgoing import outbox
from hitl_fsm.runtime.outgoing.outbox import AGAIN_MAX_MS, Told
from house import House, call, calls
from moments import HUNG_S
from receiver import SECRET, Desk, desk

ASKED = "- {id: all, tools: [pay], gate: {approval: {of: [role:finance], expires: 1h}}}"
NOTICE = Notice(
    "notice_req_1_opened_webhook", "requirement_opened", 1_750_000_000_000, "req_1", "run_1", "approval", "pay",
    "helper", "alice", "high", "0123456789ab", ("role:finance",), "role:finance", "May helper call pay?",
    expires_at=1_750_000_060_000, link="https://desk.example.com/req_1",
)  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with desk() as found:
        yield found


def channel(told: Desk, **options: Any) -> Webhook:
    return Webhook(told.url, "env:DESK_SECRET", **options)


def paused(house: House, *channels: Any) -> Engine:
    engine = house.engine(ASKED, channels=channels)
    house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")
    return engine


async def refused(told: Desk) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        await channel(told).send(NOTICE)
    return caught.value


async def test_a_message_is_signed_and_says_what_is_asked(told: Desk) -> None:
    await channel(told).send(NOTICE)
    [message] = told.messages
    assert message.path == "/hook"
    assert message.id == NOTICE.id
    assert Verifier(SECRET).verify(message.body, message.headers) == {
        "type": "requirement_opened",
        "timestamp": "2025-06-15T15:06:40.000Z",
        "data": {
            "event": "requirement_opened",
            "requirement": "req_1",
            "run": "run_1",
            "kind": "approval",
            "tool": "pay",
            "agent": "helper",
            "user": "alice",
            "severity": "high",
            "digest": "0123456789ab",
            "told": ["role:finance"],
            "who": "role:finance",
            "asks": "May helper call pay?",
            "expires_at": "2025-06-15T15:07:40.000Z",
            "link": "https://desk.example.com/req_1",
        },
    }
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(message.body.replace(b"alice", b"mario"), message.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(message.body, {**message.headers, "webhook-id": "other"})


async def test_what_a_model_wrote_cannot_repaint_what_is_told(told: Desk) -> None:
    await channel(told).send(Notice(**{**_fields(NOTICE), "tool": "pay\u202e", "asks": "May \x1b[31m?"}))
    assert (told.messages[0].data["tool"], told.messages[0].data["asks"]) == ("pay⟦U+202E⟧", "May ⟦U+001B⟧[31m?")


def _fields(notice: Notice) -> dict[str, Any]:
    return {name: getattr(notice, name) for name in notice.__struct_fields__}


def test_it_is_tried_until_it_is_taken_under_one_id(house: House, told: Desk) -> None:
    told.answers = [500, 503, 429]
    engine = paused(house, channel(told))
    for _ in range(3):
        assert engine.notify() == Told()
        house.clock.advance(AGAIN_MAX_MS // 120)
    assert engine.notify() == Told(sent=1)
    assert engine.notify() == Told()
    assert len(told.messages) == 4
    assert len({message.id for message in told.messages}) == 1
    for message in told.messages:
        Verifier(SECRET).verify(message.body, message.headers)


async def test_a_redirect_is_not_followed(told: Desk) -> None:
    told.answers = [302]
    told.headers = {"location": told.url.replace("/hook", "/inside")}
    assert "302" in (await refused(told)).message
    assert [one.path for one in told.messages] == ["/hook"]


async def test_only_gone_is_final_and_a_wait_is_heard(told: Desk) -> None:
    told.answers = [404, 410, 503, 503]
    assert (await refused(told)).retryable
    assert not (await refused(told)).retryable
    told.headers = {"retry-after": "90"}
    assert (await refused(told)).retry_after_s == 90
    told.headers = {"retry-after": "999999999"}
    assert (await refused(told)).retry_after_s == webhook.RETRY_AFTER_MAX_S


async def test_of_a_huge_answer_nothing_is_read(told: Desk) -> None:
    told.usual, told.body = 200, b"x" * 50_000_000
    await asyncio.wait_for(channel(told).send(NOTICE), HUNG_S)
    assert await asyncio.to_thread(told.cut_off.wait, HUNG_S)


def test_one_that_hangs_is_left_and_tried_again(house: House, told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SEND_S", 0.5)
    told.hang_s = 30
    engine = paused(house, channel(told))
    assert engine.notify() == Told()
    told.hang_s = 0
    told.let_go.set()
    monkeypatch.setattr(outbox, "SEND_S", HUNG_S)
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(sent=1)
    assert len({message.id for message in told.messages}) == 1


async def test_nobody_there_is_an_error_without_the_url(told: Desk) -> None:
    with pytest.raises(NotifyError) as caught:
        await Webhook("http://127.0.0.1:1/secret-path", "env:DESK_SECRET").send(NOTICE)
    assert "secret-path" not in str(caught.value)
    assert caught.value.retryable


async def test_no_proxy_of_the_environment_hears_it(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    await channel(told).send(NOTICE)
    assert len(told.messages) == 1


async def test_two_secrets_sign_while_one_is_replaced(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    new = "whsec_" + "bmV3IHNlY3JldCBvZiB0aGUgZGVzaywgMzIgYnl0ZXMuLi4="
    monkeypatch.setenv("DESK_SECRET", f"{new} {SECRET}")
    await channel(told).send(NOTICE)
    [message] = told.messages
    for secret in (new, SECRET):
        assert Verifier(secret).verify(message.body, message.headers)


async def test_url_and_secret_are_read_when_something_is_sent(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    late = Webhook("env:DESK_URL", "env:DESK_SECRET")
    with pytest.raises(NotifyError, match="DESK_URL is not set"):
        await late.send(NOTICE)
    monkeypatch.setenv("DESK_URL", "http://desk.example.com/hook")
    with pytest.raises(NotifyError, match="not https"):
        await late.send(NOTICE)
    monkeypatch.setenv("DESK_URL", told.url)
    await late.send(NOTICE)
    monkeypatch.setenv("DESK_SECRET", "whsec_short")
    with pytest.raises(NotifyError, match="no webhook secret"):
        await late.send(NOTICE)
    assert len(told.messages) == 1


def test_secrets_are_printed_and_stored_nowhere(house: House, told: Desk) -> None:
    secret_url = Webhook(told.url + "?token=hush", "env:DESK_SECRET")
    engine = paused(house, secret_url)
    assert engine.notify() == Told(sent=1)
    assert repr(secret_url) == f"Webhook('{told.url.removesuffix('hook')}…', 'env:DESK_SECRET', name='webhook')"
    kept = (house.folder / "hitl.db").read_bytes() + (house.folder / "hitl.db-wal").read_bytes()
    assert b"hush" not in kept
    assert SECRET.encode() not in kept


@pytest.mark.parametrize(
    "url",
    [
        "http://desk.example.com/hook",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.example.com/",
        "https://user:hush@desk.example.com/",
        "ftp://desk.example.com/",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "https://desk.example.com:99999/",
        "",
        None,
    ],
)
def test_a_url_that_is_not_https_elsewhere_is_refused(url: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        checked_url(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://desk.example.com/hook", "http://localhost:8000/", "http://[::1]:80/x"])
def test_https_and_this_machine_are_taken(url: str) -> None:
    assert checked_url(url) == url


def test_a_secret_in_the_code_is_refused() -> None:
    with pytest.raises(SettingsError, match="env:NAME") as caught:
        Webhook("https://desk.example.com/", SECRET)
    assert SECRET not in str(caught.value)


def test_a_name_an_event_and_a_list_must_be_what_they_are() -> None:
    url, secret = "https://desk.example.com/", "env:DESK_SECRET"
    with pytest.raises(SettingsError, match="cannot be the name of a channel"):
        Webhook(url, secret, name="My Channel")
    with pytest.raises(SettingsError, match="there is no event 'opened'"):
        Webhook(url, secret, events=("opened",))
    with pytest.raises(SettingsError, match="`for_` is one text"):
        Webhook(url, secret, for_="role:finance")
