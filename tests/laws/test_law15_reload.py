"""Laws 6 and 15 while policies change under a running engine: whole sets, none that does not load, none lost."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import InputRefused, SettingsError, StoreError
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Approve, Provide
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.join import join
from hitl_fsm.policy.load import restore
from hitl_fsm.runtime.agents.judge import Subject, judge
from hitl_fsm.runtime.policies import in_force
from house import House, call, calls, policy_text

PAY = [calls(call("pay", to="bob", amount=5))]
ALLOW, CONFIRM, DENY = (f"- {{id: all, gate: {gate}}}" for gate in ("allow", "confirm", "deny"))
BROKEN = "- {id: all, gate: alow}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_force, "SETTLE_S", 0.001)
    monkeypatch.setattr(in_force, "PAUSE_PER_LOOK", 0)


def folder(house: House) -> Path:
    made: Path = house.folder / "policies"
    made.mkdir(exist_ok=True)
    return made


def write(house: House, rules: str, name: str = "pay") -> None:
    (folder(house) / f"{name}.policy.yaml").write_bytes(policy_text(rules, name=name))


def engine_of(house: House, rules: str, **options: Any) -> Engine:
    write(house, rules)
    engine = Engine(folder(house), house.url, actors=house.actors, clock=house.clock, **{"reload": 0, **options})
    house.engines.append(engine)
    return engine


def lines(engine: Engine, *wanted: str) -> list[dict[str, Any]]:
    found = (json.loads(line.body) for line in engine.audit.records())
    return [line for line in found if line["event"] in wanted]


def test_law06_a_set_that_does_not_load_never_takes_over(house: House) -> None:
    engine = engine_of(house, DENY)
    agent = house.agent(engine, PAY)
    before = engine.policies.digest
    agent.run("go")
    for broken in (BROKEN, "- {id: all, when: args.amount >, gate: allow}", "]["):
        write(house, broken)
        for _ in range(3):
            agent.run("go")
        assert engine.policies.digest == before
    assert house.effects == []
    refused = lines(engine, "policies_refused")
    assert len(refused) == 3, "once for what is found, not once a look"
    assert "HF" in refused[0]["data"]["findings"][0]
    assert refused[0]["data"]["in_force"] == before


@pytest.mark.parametrize("harm", ["the folder is gone", "the file is gone", "half of it is written", "it is not text"])
def test_law06_files_that_go_away_leave_the_set_in_force(house: House, harm: str) -> None:
    engine = engine_of(house, DENY, default="confirm")
    agent = house.agent(engine, PAY)
    file = folder(house) / "pay.policy.yaml"
    whole = file.read_bytes()
    if harm == "the folder is gone":
        file.unlink()
        folder(house).rmdir()
    elif harm == "the file is gone":
        file.unlink()
    elif harm == "half of it is written":
        file.write_bytes(whole[: len(whole) // 2])
    else:
        file.write_bytes(b"\xff\xfe\x00")
    assert agent.run("go").state is RunState.DONE
    assert house.effects == []
    assert len(lines(engine, "policies_refused")) == 1
    write(house, ALLOW)
    agent.run("go")
    assert len(house.effects) == 1, "the whole one is taken when it is there"


def test_law06_what_is_still_being_written_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A valid half is not taken: only what says the same twice."""
    engine = engine_of(house, ALLOW)
    agent = house.agent(engine, PAY)
    agent.run("go")
    looks = 0
    real = engine.parts.source

    def growing() -> PolicySet:
        nonlocal looks
        looks += 1
        write(house, "\n".join(f"- {{id: r{number}, gate: deny}}" for number in range(min(looks, 4))) or DENY)
        assert real is not None
        return real()

    monkeypatch.setattr(engine.in_force, "parts", _with(engine, source=growing))
    agent.run("go")
    assert engine.policies.rule_count == 4
    activated = lines(engine, "policies_activated")
    assert len(activated) == 2
    assert activated[1]["data"]["was"] == activated[0]["data"]["policies"]


def _with(engine: Engine, **changes: Any) -> Any:
    from dataclasses import replace

    return replace(engine.parts, **changes)


def test_law06_a_set_that_cannot_be_kept_does_not_take_over(house: House) -> None:
    engine = engine_of(house, DENY, reload="off")
    house.agent(engine, PAY).run("go")
    before = engine.policies.digest
    write(house, ALLOW)
    house.jam("record")
    with pytest.raises(StoreError):
        engine.reload_policies()
    assert engine.policies.digest == before
    house.unjam("record")
    assert engine.reload_policies().outcome == "activated"


def test_law15_a_tightening_reaches_the_next_turn_of_a_run_that_goes_on(house: House) -> None:
    engine = engine_of(house, ALLOW)

    def second(_request: object) -> Any:
        write(house, DENY)
        return calls(call("pay", to="bob", amount=5))

    run = house.agent(engine, [PAY[0], second]).run("go")
    assert run.state is RunState.DONE
    assert len(house.effects) == 1
    assert [r["data"]["outcome"] for r in lines(engine, "call_judged")] == ["allow", "deny"]


def test_law15_a_tightening_reaches_the_later_calls_of_a_turn(house: House) -> None:
    engine, paid = engine_of(house, ALLOW), []

    def pay(to: str, amount: float) -> str:
        """Send money."""
        paid.append(to)
        write(house, DENY)
        return f"paid {amount}"

    turn = calls(call("pay", to="bob", amount=5), call("pay", to="eve", amount=5))
    run = house.agent(engine, [turn], tools=[tool(pay)]).run("go")
    assert run.state is RunState.DONE
    assert paid == ["bob"]


def test_law15_a_loosening_while_it_waits_loosens_nothing(house: House) -> None:
    engine = engine_of(house, CONFIRM)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    write(house, ALLOW)
    assert agent.continue_run(run).is_paused
    assert house.effects == []
    write(house, DENY)
    run.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []


def test_law15_each_set_that_governed_is_kept_and_each_change_is_on_the_record(house: House) -> None:
    engine = engine_of(house, ALLOW, reload="off")
    agent = house.agent(engine, PAY)
    digests = []
    for rules in (ALLOW, CONFIRM, ALLOW, DENY):
        write(house, rules)
        told = engine.reload_policies(by="maria", reason="a drill")
        digests.append(told.digest)
        agent.run("go")
    assert digests[0] == digests[2]
    assert len(set(digests)) == 3
    activated = lines(engine, "policies_activated")
    assert [one["data"]["policies"] for one in activated] == digests
    assert [one["data"].get("was") for one in activated[1:]] == digests[:-1]
    assert {one["data"].get("why") for one in activated[1:]} == {"a drill"}
    assert {one["by"]["id"] for one in activated[1:]} == {"maria"}
    for digest in digests:
        text = asyncio.run(engine.store.policies(digest))
        assert text is not None
        assert restore(text, digest=digest).digest == digest
    assert engine.audit.verify().intact


def test_a_reload_says_what_became_of_it(house: House) -> None:
    engine = engine_of(house, ALLOW, reload="off")
    first = engine.reload_policies()
    assert (first.outcome, first.digest, first.findings) == ("unchanged", engine.policies.digest, ())
    write(house, BROKEN)
    for _ in range(2):
        refused = engine.reload_policies()
        assert (refused.outcome, refused.digest) == ("refused", first.digest)
        assert refused.findings[0].code.startswith("HF1")
    assert len(lines(engine, "policies_refused")) == 1
    write(house, CONFIRM)
    taken = asyncio.run(engine.areload_policies())
    assert (taken.outcome, taken.was) == ("activated", first.digest)
    assert engine.evaluate("pay", {"to": "bob", "amount": 1}).outcome == "gated"
    with pytest.raises(InputRefused):
        engine.reload_policies(reason=5)  # type: ignore[arg-type]


def test_nobody_looks_when_it_is_off_or_when_there_are_no_files(house: House) -> None:
    off = engine_of(house, ALLOW, reload="off")
    write(house, DENY)
    house.agent(off, PAY).run("go")
    assert len(house.effects) == 1
    given = house.engine(CONFIRM)
    with pytest.raises(SettingsError, match="not from files"):
        given.reload_policies()
    for wrong in ("on", -1, float("nan"), True):
        with pytest.raises(SettingsError):
            engine_of(house, ALLOW, reload=wrong)
    with pytest.raises(SettingsError, match="not from files"):
        Engine(given.policies, house.url, reload=1)


RULES = {
    "allow": ALLOW,
    "audit": "- {id: all, gate: audit}",
    "confirm": CONFIRM,
    "form": "- id: all\n  gate: {user_input: {schema: {type: object, properties: {memo: {type: string}}}}}",
    "deny": "- {id: all, when: args.amount > 3, gate: deny}\n- {id: rest, when: args.amount <= 3, gate: allow}",
    "broken": BROKEN,
}
FLIPS, RUNS, TURNS = 100, 6, 5


async def _flip(house: House, engine: Engine, over: asyncio.Event, turns: list[int]) -> None:
    """Sets come and go while runs are under way; some stay until a model has had a turn."""
    chance = random.Random(15)
    for number in range(FLIPS):
        write(house, chance.choice(list(RULES.values())) + f"\n# {chance.randrange(3)}")
        if number % 3:
            await engine.areload_policies()
        await asyncio.sleep(0.002)
        before = len(turns)
        while number % 5 == 0 and len(turns) == before:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)
    over.set()


async def _go_on(agent: Agent, engine: Engine, over: asyncio.Event) -> list[str]:
    """Run after run, each to its end, for as long as sets change."""
    ids = []
    while not over.is_set():
        run = await agent.arun("go", user="alice")
        while run.state not in {RunState.DONE, RunState.FAILED}:
            for one in run.active_requirements:
                answer = Approve() if one.needs_confirmation else Provide({"memo": "x"})
                await engine.aresolve(one.id, answer, by="alice")
            run = await agent.acontinue_run(run)
        ids.append(run.run_id)
    return ids


async def _history(house: House, engine: Engine) -> list[str]:
    turns: list[int] = []

    def turn(_request: Any) -> Any:
        turns.append(1)
        return calls(call("pay", to="bob", amount=2), call("pay", to="eve", amount=9), call("note", text="x"))

    agent, over = house.agent(engine, [turn] * TURNS), asyncio.Event()
    flipping = asyncio.create_task(_flip(house, engine, over, turns))
    ran = await asyncio.gather(*(_go_on(agent, engine, over) for _ in range(RUNS)))
    await flipping
    return [run_id for ids in ran for run_id in ids]


def test_law15_no_verdict_ever_mixes_two_sets(house: House) -> None:
    """Each verdict is what exactly one set says, or the stricter of that and what was said before."""
    engine = engine_of(house, ALLOW)
    ids = asyncio.run(_history(house, engine))
    digests = {one["data"]["policies"] for one in lines(engine, "policies_activated")}
    sets = {digest: restore(asyncio.run(engine.store.policies(digest)) or "", digest=digest) for digest in digests}
    judged_by: set[str] = set()
    for run_id in ids:
        after: Run | None = None
        for entry in engine.runs.events(run_id):
            before, (after, _) = after, replay([entry], after)
            if isinstance(entry.event, events.ModelReplied) and entry.verdicts:
                (digest,) = {verdict.policy_digest for verdict in entry.verdicts.values()}
                judged_by.add(digest)
                for call_id, verdict in entry.verdicts.items():
                    assert verdict == _verdict(engine, sets[digest], after, call_id)
            elif isinstance(entry.event, events.VerdictsRevised):
                assert before is not None
                for call_id, verdict in entry.verdicts.items():
                    then, policies = before.call(call_id).verdict, sets[entry.event.policy_digest]
                    assert verdict in (then, join(then, _verdict(engine, policies, before, call_id)))
    assert len(judged_by) > 3, "the sets did change under the runs"
    assert engine.audit.verify().intact


def _verdict(engine: Engine, policies: PolicySet, run: Run | None, call_id: str) -> Verdict:
    assert run is not None
    one = run.call(call_id)
    return judge(engine.parts, policies, run, Subject(one.tool), one.args or {})


def test_law15_a_set_that_comes_back_with_a_process_is_on_the_record(house: House) -> None:
    for rules in (ALLOW, CONFIRM, ALLOW, ALLOW):
        engine = engine_of(house, rules, reload="off")
        for _ in range(2):  # no line a run
            house.agent(engine, PAY).run("go")
    first, second, third = (one["data"] for one in lines(engine, "policies_activated"))
    assert (first.get("was"), second["was"], third["was"]) == (None, first["policies"], second["policies"])
    assert third["policies"] == first["policies"]
    assert second["why"] == third["why"] == in_force.BEGAN
    assert len(engine.audit.ask("policy-flips", within="1y").rows) == 1


def test_law15_two_processes_with_different_sets_write_no_line_a_run(house: House) -> None:
    one, other = engine_of(house, ALLOW, reload="off"), engine_of(house, CONFIRM, reload="off")
    for engine in (one, other) * 3:
        house.agent(engine, PAY).run("go")
    assert len(lines(one, "policies_activated")) == 2


def test_law15_a_process_that_died_before_it_moved_the_mark_hides_no_set(house: House) -> None:
    engine = engine_of(house, ALLOW, reload="off")
    house.agent(engine, PAY).run("go")
    seq = asyncio.run(engine.store.cursor(in_force.PUT_IN_FORCE.cursor))
    assert seq is not None
    other = engine_of(house, CONFIRM, reload="off")
    house.agent(other, PAY).run("go")
    moved = asyncio.run(other.store.cursor(in_force.PUT_IN_FORCE.cursor))
    assert asyncio.run(other.store.advance(in_force.PUT_IN_FORCE.cursor, moved, seq, ()))
    house.agent(engine_of(house, ALLOW, reload="off"), PAY).run("go")
    assert len(lines(other, "policies_activated")) == 3
