"""Wrong types and broken text are refused at the doors: a run that is made can be read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.errors import HitlError, InputRefused, Paused, ToolError, UnknownRunnable
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.context import CallContext
from hitl_fsm.runtime.engine import Engine as Inner
from hitl_fsm.runtime.given import ACTOR_NAME_LIMIT, PROMPT_LIMIT, REASON_LIMIT, ROLES_LIMIT, checked_actor
from hitl_fsm.runtime.tools.tool import Declaration, Tool, tool
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

HALF = "a\ud800"
BAD_TEXTS: list[Any] = [123, {"a": 1}, b"x", ["x"], HALF]
BAD_ACTORS: list[Any] = [
    42,
    b"alice",
    "",
    HALF,
    {"id": "alice"},
    "x" * (ACTOR_NAME_LIMIT + 1),
    Actor(42),  # type: ignore[arg-type]
    Actor(""),
    Actor(HALF),
    Actor("alice", roles="finance"),  # type: ignore[arg-type]
    Actor("alice", roles=("finance", 3)),  # type: ignore[arg-type]
    Actor("alice", roles=(HALF,)),
    Actor("alice", roles={"finance": 1}),  # type: ignore[arg-type]
    Actor("alice", roles=("r",) * (ROLES_LIMIT + 1)),
    Actor("alice", kind="boss"),  # type: ignore[arg-type]
    Actor("alice", authenticated_by=None),  # type: ignore[arg-type]
    Actor("alice", on_behalf_of=3),  # type: ignore[arg-type]
]


class Name(StrEnum):
    ALICE = "alice"


def paying(house: House, engine: Engine) -> Agent:
    return house.agent(engine, [calls(call("pay", to="x", amount=5))])


def refused(work: Callable[[], object]) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        work()
    assert caught.value.help
    str(caught.value).encode()  # can be printed
    return caught.value


@pytest.mark.parametrize("prompt", [*BAD_TEXTS, None, "x" * (PROMPT_LIMIT + 1)], ids=lambda p: ascii(p)[:20])
def test_a_prompt_that_is_no_text_starts_nothing(house: House, prompt: Any) -> None:
    engine = house.engine()
    assert "the prompt" in refused(lambda: paying(house, engine).run(prompt)).message
    assert engine.runs.list() == []


@pytest.mark.parametrize("actor", BAD_ACTORS, ids=lambda a: ascii(a)[:60])
def test_an_actor_of_wrong_types_is_refused_at_every_door(house: House, actor: Any) -> None:
    engine = house.engine()
    agent = paying(house, engine)
    refused(lambda: agent.run("go", user=actor))
    assert engine.runs.list() == []
    run = agent.run("go", user="alice")
    refused(lambda: run.active_requirements[0].confirm(by=actor))
    refused(lambda: engine.cancel(run.run_id, by=actor))
    refused(lambda: engine.evaluate("pay", {}, user=actor))
    refused(lambda: engine.gate(agent.tools["pay"]).for_user(actor))
    assert engine.runs.get(run.run_id).is_paused


def test_what_the_lookup_returns_is_held_to_the_same(house: House) -> None:
    engine = house.engine()
    found: Any = {"id": "alice"}
    other = Inner(dataclasses.replace(engine.parts, actors=lambda _: found))
    assert "the lookup returned" in refused(lambda: other.actor("alice", Actor("x"))).message


def test_roles_given_as_one_text_are_refused_not_taken_letter_by_letter(house: House) -> None:
    known: dict[str, Any] = {"maria": ["finance"]}
    house.actors = known
    engine = house.engine()
    known["maria"] = "finance"
    refused(lambda: engine.actor("maria", Actor("x")))


def test_a_list_of_roles_becomes_the_tuple_and_an_enum_its_text() -> None:
    actor = checked_actor(Actor(Name.ALICE, roles=["finance"]))  # type: ignore[arg-type]
    assert actor == Actor("alice", roles=("finance",))
    assert (type(actor.id), type(actor.roles)) == (str, tuple)


@pytest.mark.parametrize("reason", [*BAD_TEXTS, "x" * (REASON_LIMIT + 1)], ids=lambda r: ascii(r)[:20])
def test_a_reason_that_is_no_text_cancels_nothing(house: House, reason: Any) -> None:
    engine = house.engine()
    run = paying(house, engine).run("go")
    assert "the reason" in refused(lambda: engine.cancel(run.run_id, reason=reason)).message
    assert engine.runs.get(run.run_id).is_paused
    assert engine.cancel(run.run_id, reason="enough").state == "cancelled"


@pytest.mark.parametrize("name", [42, None, "", HALF])
def test_an_agent_is_named_by_text(house: House, name: Any) -> None:
    refused(lambda: Agent(name, ScriptedModel([]), engine=house.engine()))


@pytest.mark.parametrize(
    "words",
    [
        {"version": 2},
        {"version": None},
        {"version": HALF},
        {"name": 42},
        {"description": 42},
        {"description": HALF},
        {"idempotent": "no"},
        {"timeout_s": "5"},
        {"timeout_s": True},
    ],
    ids=ascii,
)
def test_a_tool_is_declared_with_the_right_types(words: dict[str, Any]) -> None:
    def pay(amount: int) -> int:
        return amount

    with pytest.raises(ToolError) as caught:
        tool(**words)(pay)
    assert next(iter(words)) in caught.value.message
    with pytest.raises(ToolError):
        Tool(pay, Declaration(**{"name": "pay", **words}))


# -- the gate


@pytest.mark.parametrize("value", [HALF, {HALF: 1}, 2**80], ids=ascii)
def test_a_gated_call_with_broken_arguments_starts_nothing(house: House, value: Any) -> None:
    engine = house.engine("- {id: all, gate: allow}")

    def pay(to: Any) -> str:
        house.effects.append((to,))
        return "paid"

    with pytest.raises(HitlError):
        engine.gate(pay)(value)
    assert house.effects == []


def test_a_gate_resumes_only_its_own_runs(house: House) -> None:
    engine = house.engine()

    def pay(amount: int) -> str:
        house.effects.append(("pay", amount))
        return "paid"

    def look(amount: int) -> str:
        return f"looked {amount}"

    paid, looked = engine.gate(pay), engine.gate(look)
    with pytest.raises(Paused) as caught:
        paid(5)
    engine.runs.get(caught.value.run_id).active_requirements[0].confirm()
    with pytest.raises(UnknownRunnable, match="'pay'"):
        looked.resume(caught.value.run_id)
    assert house.effects == []
    assert paid.resume(caught.value.run_id) == "paid"


def test_a_gated_callable_gets_its_context_from_the_engine(house: House) -> None:
    engine = house.engine("- {id: all, gate: allow}")

    def pay(context: CallContext, amount: int, to: str = "bob") -> str:
        house.effects.append((context.user.id, amount, to))
        return context.run_id

    gated = engine.gate(pay).for_user("alice")
    assert gated(5, "eve") == engine.runs.list()[0].run_id
    gated(amount=6)
    assert house.effects == [("alice", 5, "eve"), ("alice", 6, "bob")]
    with pytest.raises(ToolError, match="context"):
        gated(5, context=None)
