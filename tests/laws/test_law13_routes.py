"""Law 13 at the way back: who calls back is who signed, whatever the message says; and it counts once, and only now."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest

from bank import BACK, OTHER, OUT, Bank, callback, open_bank, signed
from hitl_fsm import Engine
from hitl_fsm.errors import AlreadyResolved, AnswerRefused, CallbackRefused, HitlError, InputRefused, RequirementExpired
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.states import RunState
from hitl_fsm.routes import Command, Webhook
from house import House, call, calls

PAY = [calls(call("pay", to="bob", amount=5)), {"say": "{last_result}"}]
RULES = """
- id: out
  tools: [pay]
  gate: {external: {route: bank, timeout: 1h, result_schema: {type: object, required: [tx]}}}
"""
BY = Actor(id="route:bank", kind="service", authenticated_by="webhook:bank")


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    for name, value in (("T_OUT", OUT), ("T_BACK", BACK), ("T_OTHER", OTHER)):
        monkeypatch.setenv(name, value)
    with open_bank() as opened:
        yield opened


def engine_of(house: House, bank: Bank) -> Engine:
    routes = {
        "bank": Webhook(bank.url, secret="env:T_OUT", callback_secret="env:T_BACK"),
        "ledger": Webhook(bank.url, secret="env:T_OUT", callback_secret="env:T_OTHER"),
        "cron": Command(["true"]),
    }
    return house.engine(RULES, routes=routes)


def handed(house: House, bank: Bank) -> tuple[Engine, Any, str]:
    """A call that the bank has taken, and the id for its callback."""
    engine = engine_of(house, bank)
    run = house.agent(engine, PAY).run("go", user="alice")
    engine.routes.dispatch()
    assert engine.runs.get(run.run_id).is_paused
    return engine, run, bank.data[-1]["callback_id"]


def test_law13_a_callback_is_the_routes_word_and_counts_once(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    headers = signed(body)
    after = engine.routes.receive("bank", headers, body)
    assert after.state is RunState.CONTINUING
    resolution = after.requirements[0].value.resolution
    assert resolution is not None
    assert resolution.by == BY
    with pytest.raises(AlreadyResolved):
        engine.routes.receive("bank", headers, body)
    assert [one.run.output for one in engine.continue_ready() if one.run] == ['{"tx":"t1"}']
    with pytest.raises(AlreadyResolved):
        engine.routes.receive("bank", headers, body)
    assert "late_result" not in house.records(engine, run.run_id)  # it came twice, and was not late


def test_law13_headers_and_bodies_of_wrong_types_are_told_and_answer_nothing(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    headers = signed(body)
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    wrong: list[tuple[Any, Any, Any, str]] = [
        ("bank", headers, body.decode(), "the body must be bytes, not str"),
        ("bank", headers, json.loads(body), "the body must be bytes, not dict"),
        ("bank", raw, body, "the headers must be a mapping of texts"),
        ("bank", dict(raw), body, "the headers must be a mapping of texts"),
        ("bank", None, body, "the headers must be a mapping of texts"),
        (None, headers, body, "the route must be its name"),
    ]
    for route, given, content, told in wrong:
        with pytest.raises(InputRefused, match=told) as caught:
            engine.routes.receive(route, given, content)
        assert caught.value.help
    assert engine.runs.get(run.run_id).is_paused
    served = Message()  # what `http.server` has: no Mapping, and names of any case
    for key, value in headers.items():
        served[key.title()] = value
    assert engine.routes.receive("bank", served, body).state is RunState.CONTINUING  # type: ignore[arg-type]


def test_law13_a_body_that_names_who_approved_is_the_routes_all_the_same(house: House, bank: Bank) -> None:
    engine, _, name = handed(house, bank)
    more = {"by": "maria", "approver": {"id": "maria", "roles": ["finance"]}, "kind": "human", "answer": "approve"}
    body = callback(name, result={"tx": "t1", "by": "maria"}, **more)
    after = engine.routes.receive("bank", signed(body), body)
    assert after.requirements[0].value.resolution is not None
    assert after.requirements[0].value.resolution.by == BY


FORGED = {
    "unsigned": lambda body: {},
    "another secret": lambda body: signed(body, OTHER),
    "the secret of the way out": lambda body: signed(body, OUT),
    "old": lambda body: signed(body, at=time.time() - 301),
    "from the future": lambda body: signed(body, at=time.time() + 600),
    "another body": lambda body: signed(body.replace(b"t1", b"t2")),
    "another id": lambda body: {**signed(body), "Webhook-Id": "msg_2"},
    "another time": lambda body: {**signed(body), "Webhook-Timestamp": str(int(time.time()) - 5)},
    "an algorithm of nobody": lambda body: {**signed(body), "Webhook-Signature": "none,"},
    "rubbish": lambda body: {**signed(body), "Webhook-Signature": "v1,% v1 \u00e9"},
    "no number": lambda body: {**signed(body), "Webhook-Timestamp": "nan"},
    "a thousand signatures": lambda body: {
        **signed(body),
        "Webhook-Signature": "v1,AAAA " * 1000 + signed(body)["Webhook-Signature"],
    },
}


@pytest.mark.parametrize("forgery", FORGED)
def test_law13_what_is_not_signed_as_it_should_be_is_nobodys_word(house: House, bank: Bank, forgery: str) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    with pytest.raises(CallbackRefused) as refused:
        engine.routes.receive("bank", FORGED[forgery](body), body)
    assert "whsec" not in str(refused.value)
    assert engine.runs.get(run.run_id).is_paused
    assert engine.routes.receive("bank", signed(body), body).state is RunState.CONTINUING


def test_law13_what_went_out_does_not_come_back_as_an_answer(house: House, bank: Bank) -> None:
    engine, run, _ = handed(house, bank)
    headers, body = bank.requests[-1]
    with pytest.raises(CallbackRefused):
        engine.routes.receive("bank", headers, body)
    assert engine.runs.get(run.run_id).is_paused


def test_law13_one_route_does_not_answer_for_another(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    for route, secret in (("ledger", OTHER), ("ledger", BACK), ("cron", BACK), ("nowhere", BACK)):
        with pytest.raises(CallbackRefused):
            engine.routes.receive(route, signed(body, secret), body)
    assert engine.runs.get(run.run_id).is_paused


@pytest.mark.parametrize(
    "name", ["", "dispatch:", "dispatch:req_none-0001", "req", "dispatch:\0", "dispatch:" + "x" * 10_000, "\ud800"]
)
def test_law13_an_answer_to_nothing_is_refused(house: House, bank: Bank, name: str) -> None:
    engine, _, _ = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    with pytest.raises(CallbackRefused):
        engine.routes.receive("bank", signed(body), body)


def test_law13_an_answer_to_what_was_never_sent_is_refused(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    house.sql("UPDATE delivery SET state = 'waiting', attempts = 0")
    body = callback(name, result={"tx": "t1"})
    with pytest.raises(CallbackRefused):
        engine.routes.receive("bank", signed(body), body)
    assert engine.runs.get(run.run_id).is_paused


UNREADABLE = [
    b"",
    b"[]",
    b"null",
    b"not json",
    b'{"callback_id": 5, "result": 1}',
    b'{"result": 1}',
    b'{"callback_id": "NAME"}',
    b'{"callback_id": "NAME", "result": 1, "error": "x"}',
    b'{"callback_id": "NAME", "error": 5}',
    b'{"callback_id": "NAME", "result": {"tx": NaN}}',
    b'{"callback_id": "NAME", "callback_id": "NAME", "result": {"tx": "1"}}',
    b'{"callback_id": "NAME", "result": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_law13_what_cannot_be_read_is_refused_even_when_signed(house: House, bank: Bank, text: bytes) -> None:
    engine, run, name = handed(house, bank)
    body = text.replace(b"NAME", name.encode())
    with pytest.raises(CallbackRefused):
        engine.routes.receive("bank", signed(body), body)
    assert engine.runs.get(run.run_id).is_paused


def test_law13_a_huge_body_is_not_even_looked_at(house: House, bank: Bank) -> None:
    engine, _, name = handed(house, bank)
    body = callback(name, result={"tx": "x" * 1_100_000})
    with pytest.raises(CallbackRefused, match="bytes"):
        engine.routes.receive("bank", {}, body)


def test_law09_a_result_that_does_not_fit_is_refused_and_may_come_again(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    wrong = callback(name, result={"fee": 1})
    with pytest.raises(AnswerRefused) as refused:
        engine.routes.receive("bank", signed(wrong), wrong)
    assert refused.value.problems == ("tx: is required",)
    handed_now = engine.routes.of(run.requirements[0].id)
    assert handed_now is not None
    assert "tx: is required" in handed_now.detail
    right = callback(name, result={"tx": "t1"})
    assert engine.routes.receive("bank", signed(right), right).state is RunState.CONTINUING


def test_law12_a_result_that_is_late_is_refused_and_recorded_once(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    house.clock.advance(3_600_001)
    body = callback(name, result={"tx": "personal"})
    kinds: list[type[HitlError]] = []
    for _ in range(3):
        with pytest.raises((RequirementExpired, AlreadyResolved)) as late:
            engine.routes.receive("bank", signed(body), body)
        kinds.append(late.type)
    assert kinds == [RequirementExpired, AlreadyResolved, AlreadyResolved]
    found = [line for line in engine.runs.timeline(run.run_id) if line["event"] == "late_result"]
    assert len(found) == 1
    assert found[0]["by"] == {"id": "route:bank", "kind": "service", "authenticated_by": "webhook:bank"}
    assert "personal" not in json.dumps(found)
    assert engine.audit.verify().intact


def test_law04_a_person_who_rejected_was_first(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    run.requirements[0].reject(by="maria", note="no")
    body = callback(name, result={"tx": "t1"})
    with pytest.raises(AlreadyResolved):
        engine.routes.receive("bank", signed(body), body)
    assert "late_result" in house.records(engine, run.run_id)


def test_law13_a_failure_is_called_back_too(house: House, bank: Bank) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, error="account closed")
    engine.routes.receive("bank", signed(body), body)
    engine.continue_ready()
    assert house.said_to_model(engine, run.run_id) == ["account closed"]


def test_law13_secrets_stand_nowhere(house: House, bank: Bank, capfd: pytest.CaptureFixture[str]) -> None:
    engine, run, name = handed(house, bank)
    body = callback(name, result={"tx": "t1"})
    with pytest.raises(CallbackRefused) as refused:
        engine.routes.receive("bank", signed(body, OTHER), body)
    engine.routes.receive("bank", signed(body), body)
    stored = [house.sql(f"SELECT body FROM {table}") for table in ("delivery", "record", "event", "requirement")]
    told = repr((engine.parts.routes, refused.value, stored, capfd.readouterr(), run, name))
    for secret in (OUT, BACK, OTHER):
        assert secret not in told
        assert secret.removeprefix("whsec_") not in told


def test_law13_one_secret_for_both_ways_is_refused(house: House, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_BACK", OUT)
    engine = engine_of(house, bank)
    run = house.agent(engine, PAY).run("go", user="alice")
    engine.routes.dispatch()
    assert bank.requests == []
    handed_now = engine.routes.of(run.requirements[0].id)
    assert handed_now is not None
    assert handed_now.state == "dead"
    assert "same secret" in handed_now.detail
