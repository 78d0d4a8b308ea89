"""What goes out over HTTP, to a real server on loopback, and what each answer means."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook as Signer

from bank import BACK, OUT, Bank, open_bank
from hitl_fsm.adapters.routes import webhook
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.dispatch import Handover, NotBegun, Refused, Returned, Taken, Unknown
from hitl_fsm.routes import Webhook
from moments import HUNG_S

GIVEN = Handover(
    requirement_id="req_1-0001",
    run_id="run_1",
    call_id="c1",
    tool="pay",
    args={"to": "Zoë ⛄", "amount": 5.0, "big": 2**53 + 1, "nested": {"b": [1, None], "a": True}},
    digest="d" * 64,
    idempotency_key="run_1:c1:1",
    callback_id="dispatch:req_1-0001",
    attempt=1,
    expires_at=1_750_000_000_000,
)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    monkeypatch.setenv("T_OUT", OUT)
    monkeypatch.setenv("T_BACK", BACK)
    with open_bank() as opened:
        yield opened


def to(bank: Bank, **options: Any) -> Webhook:
    return Webhook(bank.url, secret="env:T_OUT", callback_secret="env:T_BACK", **options)


async def test_it_is_signed_and_says_exactly_what_was_approved(bank: Bank) -> None:
    assert await to(bank).hand_over(GIVEN) == Taken()
    ((headers, body),) = bank.requests
    Signer(OUT).verify(body, headers)
    assert headers["webhook-id"] == GIVEN.requirement_id
    assert headers["idempotency-key"] == GIVEN.idempotency_key
    assert json.loads(body) == {
        "type": "call.handed_over",
        "data": {
            "requirement_id": "req_1-0001",
            "run_id": "run_1",
            "call_id": "c1",
            "tool": "pay",
            "arguments": GIVEN.args,
            "digest": GIVEN.digest,
            "idempotency_key": "run_1:c1:1",
            "attempt": 1,
            "expires_at": "2025-06-15T15:06:40.000Z",
            "callback_id": "dispatch:req_1-0001",
        },
    }
    assert b'"amount":5.0' in body


async def test_the_id_is_the_same_at_each_attempt(bank: Bank) -> None:
    for attempt in (1, 2):
        await to(bank).hand_over(msgspec.structs.replace(GIVEN, attempt=attempt))
    assert len({headers["webhook-id"] for headers, _ in bank.requests}) == 1
    assert [one["attempt"] for one in bank.data] == [1, 2]


async def test_two_keys_sign_while_one_is_replaced(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_OUT", f"{OUT} {BACK[:-4]}AAAA")
    await to(bank).hand_over(GIVEN)
    ((headers, body),) = bank.requests
    assert len(headers["webhook-signature"].split()) == 2
    Signer(OUT).verify(body, headers)


ANSWERS: list[tuple[int, bytes, dict[str, str], type]] = [
    (200, b'{"tx": 1}', {}, Returned),
    (200, b"null", {}, Returned),
    (200, b"", {}, Unknown),
    (200, b"<html>", {}, Unknown),
    (200, b'{"a": 1, "a": 2}', {}, Unknown),
    (200, b"NaN", {}, Unknown),
    (200, b"[" * 100_000, {}, Unknown),
    (200, b'"' + b"x" * 1_100_000 + b'"', {}, Unknown),
    (200, b"\x1f\x8b", {"content-encoding": "gzip"}, Unknown),
    (202, b"", {}, Taken),
    (204, b"", {}, Unknown),
    (302, b"", {"location": "/pay"}, Refused),
    (307, b"", {"location": "/pay"}, Refused),
    (401, b"", {}, Refused),
    (408, b"", {}, Unknown),
    (422, b"", {}, Refused),
    (429, b"", {}, NotBegun),
    (500, b"", {}, Unknown),
    (503, b"", {}, Unknown),
]


@pytest.mark.parametrize(("status", "body", "headers", "kind"), ANSWERS)
async def test_what_an_answer_means(bank: Bank, status: int, body: bytes, headers: dict[str, str], kind: type) -> None:
    bank.answer = (status, body, headers)
    outcome = await to(bank).hand_over(GIVEN)
    assert type(outcome) is kind
    assert len(bank.requests) == 1  # no redirect is followed, nothing is tried again


async def test_an_answer_that_breaks_off_or_never_comes_is_not_known(bank: Bank) -> None:
    bank.answer = None
    assert type(await to(bank).hand_over(GIVEN)) is Unknown
    bank.answer = (200, b"{}", {"content-length": "50"})
    assert type(await to(bank).hand_over(GIVEN)) is Unknown
    never = threading.Event()
    bank.before, before = lambda: never.wait(HUNG_S), len(bank.requests)
    for seconds in (0.2, 3, 30):  # a busy machine may take longer to come as far as to the bank
        outcome = await to(bank, timeout=seconds).hand_over(GIVEN)
        if len(bank.requests) > before:
            break
    assert type(outcome) is Unknown
    never.set()


async def test_where_nobody_listens_nothing_was_begun(bank: Bank) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bank.url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert type(await to(bank).hand_over(GIVEN)) is NotBegun


@pytest.mark.parametrize(
    "secret", [None, "", "whsec_", "whsec_AAAA", "plain text of some length which is no key", "whsec_%%%"]
)
async def test_without_a_usable_secret_nothing_is_sent(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret is None:
        monkeypatch.delenv("T_OUT")
    else:
        monkeypatch.setenv("T_OUT", secret)
    outcome = await to(bank).hand_over(GIVEN)
    assert type(outcome) is Refused
    assert "T_OUT" in outcome.detail
    assert not secret or secret not in outcome.detail
    assert bank.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bank",
        "http://bank.example/",
        "ftp://bank.example",
        "https://",
        "https://a:b@bank.example",
        "https://h:x",
        5,
    ],
)
def test_an_address_is_https_or_this_machine(url: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        Webhook(url, secret="env:T_OUT")
    assert "a:b" not in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {"secret": OUT},
        {"secret": "env:"},
        {"secret": "env:T_OUT", "callback_secret": "env:T_OUT"},
        {"secret": "env:T_OUT", "timeout": 0},
        {"secret": "env:T_OUT", "timeout": "2d"},
        {"secret": "env:T_OUT", "timeout": True},
        {"secret": "env:T_OUT", "timeout": float("nan")},
        {"secret": "env:T_OUT", "timeout": "soon"},
    ],
)
def test_settings_that_cannot_be_are_refused_without_a_word_of_a_secret(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        Webhook("https://bank.example/pay", **options)
    assert OUT not in str(refused.value)


def test_it_shows_neither_query_nor_secret() -> None:
    shown = repr(Webhook("https://bank.example/pay?token=t0", secret="env:T_OUT"))
    assert shown == "<webhook https://bank.example/pay>"


@pytest.mark.parametrize("package", webhook.PACKAGES)
def test_without_a_package_it_is_refused_where_it_is_made(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Not when a call is handed over, which would have to be sent again by a person then."""
    monkeypatch.setattr(webhook, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(SettingsError, match=package) as caught:
        Webhook("https://bank.example/pay", secret="env:T_OUT")
    assert caught.value.help == "pip install 'hitl-fsm[routes]'"
