"""Several gates on one call, in every order that a list can say, against a reference of a few lines.

Each stage is asked in its turn and sees the arguments that the former left. Other arguments are another action: what
was passed before is asked again (law 5). A no at any stage is final (law 4), nothing runs before the last yes (law 1).
"""

from __future__ import annotations

import json
import random
from itertools import permutations
from typing import Any

import pytest

from hitl_fsm.errors import AnswerRefused, NotAuthorised
from hitl_fsm.model.states import CallState, RunState
from house import House, call, calls

FORM = {"type": "object", "properties": {"amount": {"type": "number", "maximum": 100}}, "required": ["amount"]}
GATES: dict[str, Any] = {
    "form": {"user_input": {"schema": FORM}},
    "confirm": "confirm",
    "finance": {"approval": {"of": ["role:finance"], "not": ["requester"]}},
    "ops": {"approval": {"of": ["role:ops"]}},
    "external": {"external": {"route": "bank"}},
    "review": {"review": {"of": ["role:ops"]}},
}
WHO = {"form": "alice", "confirm": "alice", "finance": "maria", "ops": "otto", "external": "bank-1", "review": "otto"}
KINDS = {"form": "user_input", "finance": "approval", "ops": "approval"}
FRONT = ("form", "confirm", "finance", "ops")
TAILS: tuple[tuple[str, ...], ...] = ((), ("external",), ("review",), ("external", "review"))
WHOLE = [(*front, *TAILS[index % 4]) for index, front in enumerate(permutations(FRONT))]
EVERY = [
    (*front, *tail)
    for size in range(len(FRONT) + 1)
    for front in permutations(FRONT, size)
    for tail in TAILS
    if front or tail
]
MODELS = {"to": "bob", "amount": 99_999.0, "memo": "m0"}
RESULT = "paid by the bank"


class Reference:
    """Which stage is asked, with which arguments: all that the laws say of a mixture."""

    def __init__(self, order: tuple[str, ...]) -> None:
        self.order = order
        self.args = dict(MODELS)
        if "form" in order:
            del self.args["amount"]  # what a model writes where a person is asked does not count
        self.passed: set[str] = set()

    @property
    def stage(self) -> str | None:
        return next((gate for gate in self.order if gate not in self.passed), None)

    def answer(self, args: dict[str, Any]) -> None:
        """The stage that is asked is passed; with other arguments, only that one is."""
        stage = self.stage
        assert stage is not None
        self.passed = {stage} if args != self.args else self.passed | {stage}
        self.args = args


def started(house: House, order: tuple[str, ...]) -> tuple[Any, Any, Any, Reference]:
    engine = house.engine(f"- {{id: all, gate: {json.dumps([GATES[gate] for gate in order])}}}")
    agent = house.agent(engine, [calls(call("pay", **MODELS))])
    return engine, agent, agent.run("go", user="alice"), Reference(order)


def asked(agent: Any, run: Any, reference: Reference) -> Any:
    """The one question that is open: the stage that the reference names, about the arguments that it has."""
    run.refresh()
    if not run.active_requirements:  # an outside system, and a result, wait for a verdict of the moment
        agent.continue_run(run_id=run.run_id)
        run.refresh()
    (one,) = run.active_requirements
    stage = reference.stage
    assert stage is not None
    assert (one.kind, one.value.stage, one.value.stages) == (
        KINDS.get(stage, stage), reference.order.index(stage) + 1, len(reference.order),
    )  # fmt: skip
    assert one.tool.tool_args == reference.args
    return one


def give(one: Any, reference: Reference, rng: random.Random, edits: int) -> int:
    """Answer it as its people may, sometimes with other arguments; the edits that are left."""
    stage, who = reference.stage, WHO[reference.stage or ""]
    if stage == "form":
        amount = float(rng.choice([7, 7, 8])) if edits else 7.0
        one.provide_user_input({"amount": amount}, by=who)
        reference.answer({**reference.args, "amount": amount})
    elif stage == "external":
        one.set_external_execution_result(RESULT, by=who)
        reference.answer(reference.args)
    elif stage == "review":
        one.accept(by=who)
        reference.answer(reference.args)
    elif edits and rng.random() < 0.5:
        edits -= 1
        args = {**reference.args, "memo": f"{stage}{edits}"}
        one.confirm(by=who, args=args)
        reference.answer(args)
    else:
        one.confirm(by=who)
        reference.answer(reference.args)
    return edits


def walk(house: House, order: tuple[str, ...], seed: int) -> None:
    rng, edits = random.Random(seed), 2
    house.effects.clear()
    engine, agent, run, reference = started(house, order)
    for _ in range(60):
        if reference.stage is None:
            break
        one = asked(agent, run, reference)
        before = [gate for gate in order if gate != "review"]
        outside = "external" in order
        ran = not outside and all(gate in reference.passed for gate in before)
        assert len(house.effects) == int(ran), "law 1: nothing runs before the last yes"
        if reference.stage in {"confirm", "finance", "ops", "form"}:
            with pytest.raises(NotAuthorised):
                one.reject(by="mallory")
        edits = give(one, reference, rng, edits)
    assert reference.stage is None
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    final = reference.args
    expected = [] if "external" in order else [("pay", final["to"], final["amount"], final["memo"])]
    assert house.effects == expected
    told = RESULT if "external" in order else f"paid {final['amount']} to bob"
    assert house.said_to_model(engine, run.run_id) == [told]
    assert engine.audit.verify().intact


@pytest.mark.parametrize("seed", range(4))
def test_law05_every_order_of_the_whole_mixture(house: House, seed: int) -> None:
    for index, order in enumerate(WHOLE[seed::4]):
        walk(house, order, 100 * seed + index)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_law05_every_order_of_every_mixture(house: House, seed: int) -> None:
    for index, order in enumerate(EVERY[seed::8]):
        walk(house, order, 1000 * seed + index)


@pytest.mark.parametrize("stage", ["form", "confirm", "finance", "ops", "external", "review"])
def test_law04_a_no_at_any_stage_is_final(house: House, stage: str) -> None:
    order = ("form", "confirm", "finance", "ops", "external", "review")
    engine, agent, run, reference = started(house, order)
    while reference.stage != stage:
        give(asked(agent, run, reference), reference, random.Random(1), 0)
    asked(agent, run, reference).reject(by=WHO[stage], note=f"not by {stage}")
    run.refresh()
    assert run.active_requirements == []
    assert run.calls[0].state is (CallState.WITHHELD if stage == "review" else CallState.DENIED)
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    (said,) = house.said_to_model(engine, run.run_id)
    assert f"not by {stage}" in said
    assert (RESULT in said, house.effects) == (False, [])


def test_law05_the_two_approvals_are_by_two_who_may_and_each_sees_the_last_arguments(house: House) -> None:
    _engine, agent, run, reference = started(house, ("form", "finance", "ops"))
    give(asked(agent, run, reference), reference, random.Random(1), 0)
    one = asked(agent, run, reference)
    for wrong in ("otto", "alice"):
        with pytest.raises(NotAuthorised):
            one.confirm(by=wrong)
    one.confirm(by="maria")
    reference.answer(reference.args)
    two = asked(agent, run, reference)
    with pytest.raises(NotAuthorised):
        two.confirm(by="maria")
    two.confirm(by="otto", args={**reference.args, "memo": "changed"})
    reference.answer({**reference.args, "memo": "changed"})
    assert reference.stage == "form", "what the others said was of another action"
    assert asked(agent, run, reference).tool.tool_args["memo"] == "changed"


def test_law05_an_edit_before_the_form_leaves_the_form_its_fields(house: House) -> None:
    _engine, agent, run, reference = started(house, ("confirm", "form"))
    one = asked(agent, run, reference)
    for bad in ({"to": 5}, {"nope": 1}, {"amount": "much"}):
        with pytest.raises(AnswerRefused):
            one.confirm(by="alice", args={**reference.args, **bad})
    one.confirm(by="alice", args={**reference.args, "memo": "edited"})
    reference.answer({**reference.args, "memo": "edited"})
    give(asked(agent, run, reference), reference, random.Random(1), 0)
    give(asked(agent, run, reference), reference, random.Random(1), 0)
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == [("pay", "bob", 7.0, "edited")]


def test_law05_an_edit_that_takes_the_form_away_must_bring_its_fields(house: House) -> None:
    rules = f"""
- {{id: ask, when: "args.memo == 'm0'", gate: {json.dumps(GATES["form"])}}}
- {{id: yes, gate: confirm}}
"""
    engine = house.engine(rules)
    agent = house.agent(engine, [calls(call("pay", **MODELS))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"amount": 7}, by="alice")
    (confirm,) = engine.runs.get(run.run_id).active_requirements
    with pytest.raises(AnswerRefused, match="do not fit"):
        confirm.confirm(by="alice", args={"to": "bob", "memo": "other"})
    assert house.effects == []
