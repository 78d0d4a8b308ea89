"""New policies held against a store with planted runs, whose counts are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import LimitExceeded
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.record import Record
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.policies import impact as module
from hitl_fsm.runtime.policies import judged as reading
from hitl_fsm.runtime.policies.impact import Impact, impact, said, shadow_report
from hitl_fsm.runtime.policies.judged import Judged, RunActions, recorded
from house import House, call, calls, policies, policy_text
from postgres import Server

DAY = 86_400_000
FORM = "{user_input: {schema: {type: object, required: [reason], properties: {reason: {type: string}}}}}"
OLD = f"""
- {{id: small, tools: pay, when: args.amount <= 100, gate: confirm}}
- {{id: large, tools: pay, when: args.amount > 100, gate: {{approval: {{of: [role:finance]}}}}}}
- {{id: back, tools: refund, gate: {FORM}}}
- {{id: look, tools: look, gate: allow}}
- {{id: note, tools: note, when: args.text != "-", gate: allow}}
"""
NEW = f"""
- {{id: small, tools: pay, when: args.amount <= 100, gate: confirm}}
- {{id: medium, tools: pay, when: args.amount > 40 && args.amount < 600, gate: {{approval: {{of: [role:finance]}}}}}}
- {{id: huge, tools: pay, when: args.amount >= 600, gate: allow}}
- {{id: back, tools: refund, gate: {FORM}}}
- {{id: secret, tools: refund, when: has(args.reason) && args.reason == "secret", gate: deny}}
- {{id: look, tools: look, gate: {{approval: {{of: [role:ops]}}}}}}
- {{id: note, tools: note, gate: deny}}
"""


def rules(text: str, **options: Any) -> PolicySet:
    return policies(policy_text(text, tools="[pay, refund, look, ship, note, ask_user]", **options))


class ReadOnly:
    """A store of which only what reads can be reached; `loads` are the runs that were read."""

    def __init__(self, engine: Engine) -> None:
        self.store = engine.store
        self.loads: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "load":
            return self._load
        assert name in {"runs", "records"}, f"{name} is not for reading"
        return getattr(self.store, name)

    async def _load(self, run_id: str) -> Any:
        self.loads.append(run_id)
        return await self.store.load(run_id)


class Planted:
    """A store after some days of work."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.engine = house.engine(rules(OLD))
        self.start("small", call("pay", to="a", amount=20.0))
        self.medium = [self.start("medium", call("pay", to="b", amount=50.0)) for _ in range(3)]
        house.clock.advance(DAY)
        self.middle = house.clock.now()
        approved = self.start("approved", call("pay", to="c", amount=200.0))
        self.answer(approved, "maria")
        self.rejected = [self.start("no", call("pay", to="d", amount=700.0)) for _ in range(2)]
        for run in self.rejected:
            (question,) = run.active_requirements
            question.reject(by="frank", note="no")
        self.start("looks", call("look", order_id="1"), call("look", order_id="2"))
        self.denied = self.start("denied", call("note", text="-"))
        self.start("notes", call("note", text="x"))
        self.start("unknown", call("nothing", a=1), {"tool": "pay", "raw": "{not json"})
        self.form = self.start("form", call("refund", order_id="9", amount=2.0, reason="the model's own"))
        (question,) = self.form.active_requirements
        question.provide_user_input({"reason": "secret"}, by="alice")
        edited = self.start("edited", call("pay", to="e", amount=300.0))
        (question,) = edited.active_requirements
        question.confirm(by="maria", args={"to": "e", "amount": 30.0})
        self.edited = edited

    def start(self, name: str, *several: dict[str, Any]) -> Any:
        self.house.clock.advance(1000)
        return self.house.agent(self.engine, [calls(*several)]).run(name, user="alice")

    def answer(self, run: Any, by: str) -> None:
        (question,) = run.active_requirements
        question.confirm(by=by)


@pytest.fixture(params=["sqlite", "postgresql"])
def planted(request: pytest.FixtureRequest, house: House) -> Planted:
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres_server")
        house.store_url = server.schema_url()
    return Planted(house)


async def _all(store: Any, since: int) -> list[RunActions]:
    return [run async for run in recorded(store, since)]


def runs_of(engine: Engine, since: int = 0) -> list[RunActions]:
    return run_sync(_all(ReadOnly(engine), since))


def judged(engine: Engine) -> list[Judged]:
    return [one for run in runs_of(engine) for one in run.judged]


def measure(planted: Planted, new: PolicySet, **options: Any) -> Impact:
    store: Any = ReadOnly(planted.engine)
    return run_sync(impact(store, new, **options))


def test_what_is_read_back_was_judged_exactly_so(planted: Planted) -> None:
    """The same policies say the same of every action, word for word: nothing of it was lost or made up."""
    found = measure(planted, planted.engine.policies)
    assert found.seen.actions == sum(found.counts.values()) == 15
    assert found.counts["equal"] == 15
    for one in judged(planted.engine):
        again = planted.engine.policies.evaluate(one.action)
        assert msgspec.structs.replace(again, looked=()) == msgspec.structs.replace(one.verdict, looked=())


def test_the_action_is_what_the_policies_saw_then(planted: Planted) -> None:
    found = {one.run_id: [] for one in judged(planted.engine)}  # type: ignore[var-annotated]
    for one in judged(planted.engine):
        found[one.run_id].append(one)
    first, filled = found[planted.form.run_id]
    assert (first.occasion, filled.occasion) == ("asked", "filled_in")
    assert first.action.args == {"order_id": "9", "amount": 2.0, "reason": "the model's own"}
    assert filled.action.args == {"order_id": "9", "amount": 2.0, "reason": "secret"}
    assert (first.action.user.id, first.action.agent, first.action.run_id) == ("alice", "helper", planted.form.run_id)
    before, edited = found[planted.edited.run_id]
    assert (before.occasion, edited.occasion) == ("asked", "edited")
    assert edited.action.args == {"to": "e", "amount": 30.0, "memo": "-"}, "with the defaults"
    assert said(before) == {"approved"}
    assert said(edited) == set(), "what was approved was the action before the edit, or is asked anew"
    assert [one.kind for one in before.decided] == ["approval"]
    (denied,) = found[planted.denied.run_id]
    assert (denied.verdict.outcome, denied.became, said(denied)) == ("deny", "denied", set())
    (no,) = found[planted.rejected[0].run_id]
    assert (said(no), no.decided[0].by, no.became) == ({"rejected"}, "frank", "denied")


def test_the_planted_changes_are_counted(planted: Planted) -> None:
    found = measure(planted, rules(NEW))
    assert dict(found.counts) == {"loosened": 2, "tightened": 3 + 2 + 1 + 1, "equal": 6}
    assert dict(found.more) == {"approval": 3 + 2, "deny": 2}
    assert dict(found.fewer) == {"approval": 2, "user_input": 1}
    assert (found.against, found.is_safe) == (2, False)
    loosened = found.listed["loosened"]
    assert {one.judged.run_id for one in loosened} == {run.run_id for run in planted.rejected}
    one = loosened[0]
    assert [reason.rule for reason in one.old.reasons] == ["large"]
    assert [reason.rule for reason in one.new.reasons] == ["huge"]
    assert (one.old.reasons[0].file, one.old.reasons[0].line) == ("p0.policy.yaml", 10)
    seen = found.seen
    assert (seen.runs, seen.actions, seen.never_judged, seen.lost, seen.unreadable) == (13, 15, 2, 0, 0)


def test_since_leaves_out_what_was_before(planted: Planted) -> None:
    found = measure(planted, rules(NEW), since=planted.middle)
    assert dict(found.counts) == {"loosened": 2, "tightened": 2 + 1 + 1, "equal": 5}
    assert measure(planted, rules(NEW), since=planted.house.clock.now() + 1).seen.actions == 0
    planted.house.clock.advance(1)
    planted.answer(planted.medium[0], "alice")
    late = measure(planted, rules(NEW), since=planted.house.clock.now())
    assert late.seen.actions == 0, "an old action is not judged again because its run took a step"


def test_what_an_old_run_did_of_late_counts(house: House) -> None:
    engine = house.engine(rules(OLD))
    run = house.agent(engine, [calls(call("pay", to="e", amount=300.0))]).run("old", user="alice")
    house.clock.advance(DAY)
    since = house.clock.now()
    (question,) = run.active_requirements
    question.confirm(by="maria", args={"to": "e", "amount": 200.0})
    store: Any = ReadOnly(engine)
    found = run_sync(impact(store, rules(NEW), since=since))
    assert (found.seen.actions, dict(found.counts)) == (1, {"equal": 1})


def test_two_sets_can_be_held_against_each_other_over_the_same_actions(planted: Planted) -> None:
    backwards = measure(planted, rules(OLD), old=rules(NEW))
    assert dict(backwards.counts) == {"tightened": 2, "loosened": 7, "equal": 6}


def test_what_is_not_covered_is_judged_as_the_engine_did_then_unless_told_otherwise(house: House) -> None:
    engine = house.engine(rules("- {id: a, tools: pay, gate: allow}"), default="confirm")
    house.agent(engine, [calls(call("pay", to="a", amount=1.0))]).run("covered", user="alice")
    uncovering = policies(policy_text("- {id: a, tools: other, gate: allow}", tools="[other]"))
    none = house.engine(uncovering, default="confirm")
    house.agent(none, [calls(call("look", order_id="1"))]).run("not covered", user="alice")
    store: Any = ReadOnly(engine)
    found = run_sync(impact(store, uncovering))
    assert dict(found.counts) == {"equal": 1, "tightened": 1}
    assert dict(run_sync(impact(store, uncovering, default="deny")).counts) == {"tightened": 2}


def test_a_question_of_the_agent_is_judged_with_its_own_form(house: House) -> None:
    engine = house.engine(rules("- {id: a, tools: ask_user, gate: confirm}"))
    fields = [{"name": "colour", "type": "string"}]
    house.agent(engine, [calls(call("ask_user", question="Which?", fields=fields))]).run("ask", user="alice")
    (one,) = judged(engine)
    assert one.subject.dynamic
    assert [gate.__struct_config__.tag for gate in one.verdict.gates] == ["user_input", "confirm"]
    store: Any = ReadOnly(engine)
    assert dict(run_sync(impact(store, engine.policies)).counts) == {"equal": 1}
    lax = rules("- {id: a, tools: ask_user, gate: allow}")
    found = run_sync(impact(store, lax))
    assert dict(found.fewer) == {"confirm": 1}, "the question itself stays"


def test_what_cannot_be_judged_again_is_counted_and_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Planted(house)
    house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = 2", b"{}", planted.rejected[0].run_id)
    gone = planted.form.run_id
    (body,) = house.sql("SELECT body FROM event WHERE run_id = ? AND seq = 2", gone)[0]
    erased = msgspec.json.decode(body)
    assert "the model's own" in erased["event"]["calls"][0]["raw"]
    erased["event"]["calls"][0]["raw"] = "(erased)"
    house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = 2", msgspec.json.encode(erased), gone)
    found = measure(planted, rules(NEW))
    assert found.seen.unreadable == 1
    assert [run_id for run_id, _ in found.seen.named] == [planted.rejected[0].run_id]
    assert found.seen.named[0][1].code == "HF315"
    assert found.seen.lost == 2, "the call and what a person made of it"
    assert found.seen.actions == 15 - 1 - 2
    monkeypatch.setattr(module, "UNREADABLE_LISTED", 0)
    limited = measure(planted, rules(NEW)).seen
    assert (limited.unreadable, limited.named) == (1, [])


@pytest.mark.any_line
def test_forgotten_runs_are_counted_by_when_they_may_have_acted(house: House) -> None:
    engine = house.engine(rules(OLD))
    for _ in range(3):
        house.agent(engine, [calls(call("look", order_id="1"))]).run("over", user="alice")
    began = house.clock.now()
    house.clock.advance(2 * DAY)
    assert engine.prune(before=began + DAY, by="alice").forgotten == 3
    run_sync(engine.store.append([Record("runs_forgotten", began, ENGINE, data={"runs": "nonsense"})]))
    store: Any = ReadOnly(engine)
    assert run_sync(impact(store, rules(NEW), since=began)).seen.forgotten == 3
    assert run_sync(impact(store, rules(NEW), since=began + DAY)).seen.forgotten == 0


def test_runs_come_page_by_page_and_one_is_held_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RUNS_PAGE", 2)
    engine = house.engine(rules(OLD))
    ids = []
    for _ in range(5):
        house.clock.advance(1)
        ids.append(house.agent(engine, [calls(call("look", order_id="1"))]).run("x", user="alice").run_id)
    store: Any = ReadOnly(engine)

    async def first(found: AsyncIterator[RunActions]) -> str:
        return (await anext(found)).run_id

    assert run_sync(first(recorded(store))) == ids[-1]
    assert store.loads == [ids[-1]]
    assert [run.run_id for run in runs_of(engine)] == ids[::-1]
    monkeypatch.setattr(reading, "RUNS_READ", 3)
    with pytest.raises(LimitExceeded):
        runs_of(engine)
    house.clock.advance(DAY)
    assert runs_of(engine, house.clock.now()) == [], "old runs are not read, and do not count"


def test_only_the_first_of_each_kind_are_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 1)
    planted = Planted(house)
    found = measure(planted, rules(NEW))
    assert (len(found.listed["loosened"]), found.counts["loosened"]) == (1, 2)
    assert (len(found.listed["tightened"]), found.counts["tightened"]) == (1, 7)


# -- shadow policies

SHADOW = """
- {id: ask, tools: pay, when: args.amount > 100, gate: {approval: {of: [role:finance]}}}
- {id: never, tools: pay, when: args.amount > 1000, gate: deny}
- {id: fine, tools: look, gate: allow}
"""


def shadowing(house: House) -> Engine:
    enforced = policy_text("- {id: pays, tools: pay, gate: confirm}\n- {id: looks, tools: look, gate: allow}")
    beside = policy_text(SHADOW, name="shade", tools="[pay, look, ship]", extra="mode: shadow\ndefault: allow")
    engine = house.engine(policies(enforced, beside))
    for amount in (50.0, 200.0, 300.0, 5000.0):
        house.clock.advance(10)
        run = house.agent(engine, [calls(call("pay", to="a", amount=amount))]).run("x", user="alice")
        (question,) = run.active_requirements
        if amount == 5000.0:
            question.reject(by="alice")
        elif amount == 200.0:
            question.confirm(by="alice")
    house.agent(engine, [calls(call("look", order_id="1"), call("note", text="a"))]).run("y", user="alice")
    return engine


def test_shadow_policies_are_told_rule_by_rule_and_as_a_whole(house: House) -> None:
    engine = shadowing(house)
    store: Any = ReadOnly(engine)
    found = run_sync(shadow_report(store))
    rows = {
        key.rule: (key.effect, told.count, dict(told.in_force), dict(told.people)) for key, told in found.rules.items()
    }
    assert rows == {
        "ask": ("approval of role:finance", 3, {"gated": 3}, {"approved": 1, "rejected": 1}),
        "never": ("deny", 1, {"gated": 1}, {"rejected": 1}),
        "fine": ("allow", 1, {"allow": 1}, {}),
        "default": ("allow", 1, {"gated": 1}, {}),
    }
    assert (found.actions, found.untold) == (5, 0)
    assert dict(found.impact.counts) == {"tightened": 3, "equal": 2}
    assert dict(found.impact.more) == {"approval": 2, "deny": 1}
    (key,) = [key for key in found.rules if key.rule == "never"]
    assert (key.policy, key.file, key.line) == ("shade", "p1.policy.yaml", 11)
    assert 0 < found.rules[key].first == found.rules[key].last


def test_a_denial_of_the_engine_itself_is_not_lifted_by_a_shadow_policy(house: House) -> None:
    two = "- {id: a, tools: pay, gate: {external: {route: a}}}\n- {id: b, tools: pay, gate: {external: {route: b}}}"
    beside = policy_text("- {id: ok, gate: allow}", name="shade", extra="mode: shadow")
    engine = house.engine(policies(policy_text(two), beside))
    house.agent(engine, [calls(call("pay", to="a", amount=1.0))]).run("x", user="alice")
    (one,) = judged(engine)
    assert "engine" in {reason.policy for reason in one.verdict.reasons}
    store: Any = ReadOnly(engine)
    assert dict(run_sync(shadow_report(store)).impact.counts) == {"equal": 1}


def test_a_shadow_policy_that_stands_alone_would_have_replaced_the_engines_own_word(house: House) -> None:
    beside = policy_text("- {id: ok, gate: allow}", name="shade", extra="mode: shadow")
    engine = house.engine(policies(beside))
    house.agent(engine, [calls(call("look", order_id="1"))]).run("x", user="alice")
    store: Any = ReadOnly(engine)
    found = run_sync(shadow_report(store))
    assert dict(found.impact.counts) == {"loosened": 1}
    assert dict(found.impact.fewer) == {"deny": 1}
