"""The server restarts, ends connections, or the wire breaks in COMMIT, anywhere in whole runs: nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fault_clocks import move_databases_clock
from fault_scenario import LONG_MS, Trouble, World, passed_in_peace, places
from kill_points import Plan

from hitl_fsm import current_call, tool
from hitl_fsm.adapters.store import writer as writing
from hitl_fsm.adapters.store.postgres.database import PostgresDatabase
from hitl_fsm.errors import AlreadyResolved, HitlError, RunBusy, StoreError
from hitl_fsm.model.answer import Approve, Happened, NotHappened
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime.handles import RunHandle
from house import House, call, calls
from moments import HUNG_S
from postgres import Server
from postgres_proxy import Cut, Proxy

SCRIPT = [calls(call("pay", to="bob", amount=5))]
MANY = 40
HOWS = ("fast", "immediate", "thrown out")
CUTS: tuple[Cut, ...] = ("before", "after", "at once")
PLACES = [
    Plan("none", "before the commit of answer_recorded", 2),
    Plan("none", "in pay bob, after the effect"),
    Plan("none", "before the commit of calls_started", 3),
]


@pytest.fixture
def server(postgres_server: Server) -> Iterator[Server]:
    postgres_server.ensure()
    yield postgres_server
    postgres_server.ensure()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    made = Proxy(server)
    yield made
    made.close()


@pytest.fixture
def house(server: Server, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, store_url=server.schema_url())
    yield made
    server.ensure()
    for engine in made.engines:
        engine.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker gives a lost server up sooner."""
    monkeypatch.setattr(writing, "AGAIN_S", 0.3)


def restart(server: Server, how: str) -> None:
    if how == "kill":
        server.kill()
    elif how == "thrown out":
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                   " AND pid <> pg_backend_pid()")  # fmt: skip
        return
    else:
        server.stop(how)
    server.start()


def befallen(world: World, plan: Plan, befall: Callable[[], object]) -> list[str]:
    """The same worker lives through it: what was lost is made again, without a word to anybody."""
    trouble = Trouble(plan, befall)
    end = world.live(trouble)
    if not trouble.came:
        return [f"it never came to {plan}"]
    return ([] if end == "done" else [f"the worker ended with {end}"]) + world.finish()


# -- the server goes and comes back


@pytest.mark.parametrize(("plan", "how"), list(zip(PLACES, HOWS, strict=True))[1:2], ids=str)
def test_law03_the_server_restarts_at_a_place(tmp_path: Path, server: Server, plan: Plan, how: str) -> None:
    assert befallen(World(tmp_path / "w", server.schema_url()), plan, lambda: restart(server, how)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("how", "step"), [("fast", 8), ("immediate", 5), ("thrown out", 3)])
def test_law03_the_server_restarts_at_each_place(tmp_path: Path, server: Server, how: str, step: int) -> None:
    passed = passed_in_peace(tmp_path / "peace", server.schema_url())
    every = places(passed, "before the commit", "after the commit", "in ", "inside")
    wrong = {}
    for number, plan in enumerate(every[::step]):
        found = befallen(World(tmp_path / f"{number}", server.schema_url()), plan, lambda: restart(server, how))
        if found:
            wrong[str(plan)] = found
    assert len(every) > 80
    assert wrong == {}


def witnessed(effects: list[tuple[str, str]]) -> list[Any]:
    """Tools that say for which run they took effect."""

    async def pay(to: str, amount: float) -> str:
        """Send money."""
        effects.append((current_call().run_id, "pay"))
        return "paid"

    async def note(text: str) -> str:
        """Keep a note."""
        effects.append((current_call().run_id, "note"))
        return "noted"

    return [tool(pay), tool(note)]


@pytest.mark.parametrize("how", ["fast", *(pytest.param(how, marks=pytest.mark.slow) for how in HOWS[1:])])
async def test_law03_in_the_middle_of_many_runs(house: House, server: Server, how: str) -> None:
    """Who looks while the server is away is told so; what was acknowledged is there, and all of it can be finished."""
    engine, effects = house.engine(), list[tuple[str, str]]()
    under_way, acknowledged = asyncio.Event(), list[str]()
    script = [calls(call("pay", to="bob", amount=5)), calls(call("note", text="done"))]
    agent = house.agent(engine, script, tools=witnessed(effects))

    async def live() -> str:
        return await go_on(await agent.arun("go", user="alice"))

    async def go_on(run: RunHandle) -> str:
        while not run.value.is_ended:
            for question in run.active_requirements:
                did = (run.run_id, question.tool.tool_name) in effects
                unknown = Happened("done") if did else NotHappened()
                answer = unknown if question.is_outcome_unknown else Approve()
                await engine.aresolve(question.id, answer, by="alice")
                acknowledged.append(question.id)
                if len(acknowledged) == MANY // 2:
                    under_way.set()
            run = await agent.acontinue_run(run_id=run.run_id)
        return run.state.value

    tasks = [asyncio.create_task(live()) for _ in range(MANY)]
    first = asyncio.create_task(under_way.wait())
    await asyncio.wait({first, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(restart, server, how)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [end for end in ends if not (end == "done" or isinstance(end, StoreError))] == []
    assert how != "thrown out" or ends == ["done"] * MANY, "there was a new connection to be had at any moment"
    for requirement_id in acknowledged:
        assert (await engine.inbox.aget(requirement_id)).state == "resolved"
    move_databases_clock(engine, LEASE_MS)
    house.clock.advance(LONG_MS)
    rows = await engine.store.runs()
    for row in rows:
        run = await agent.acontinue_run(run_id=row.run_id)
        house.clock.advance(LONG_MS)
        assert await go_on(run) == "done"
    assert Counter(effects) == {(row.run_id, name): 1 for row in rows for name in ("pay", "note")}
    assert (await engine.audit.averify()).intact


@pytest.mark.usefixtures("hurried")
def test_law06_while_it_is_down_nothing_runs_and_the_same_engine_works_afterwards(house: House, server: Server) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    ready, waiting = agent.run("go", user="alice"), agent.run("go", user="alice")
    ready.active_requirements[0].confirm()
    server.stop()
    for action in (
        lambda: agent.continue_run(ready),
        waiting.active_requirements[0].confirm,
        waiting.active_requirements[0].reject,
        lambda: agent.run("another", user="alice"),
        lambda: engine.cancel(waiting.run_id),
        engine.inbox.list,
        engine.sweep,
        engine.continue_ready,
        engine.audit.verify,
    ):
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            action()
        assert caught.value.help
    assert house.effects == []
    server.start()
    assert len(engine.inbox.list()) == 1
    waiting.active_requirements[0].reject(note="no")
    assert agent.continue_run(ready).state is agent.continue_run(waiting).state is RunState.DONE
    assert house.effects == [("pay", "bob", 5.0, "-")]
    assert len(engine.runs.list()) == 2
    assert engine.audit.verify().intact


@pytest.mark.usefixtures("hurried")
def test_law03_the_server_dies_between_intent_and_result(house: House, server: Server) -> None:
    """The effect is there, its result cannot be told: it is asked about, and never run again."""

    def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append(("pay", to, amount))
        server.kill()
        return f"paid {amount}"

    engine = house.engine()
    agent = house.agent(engine, SCRIPT, tools=[tool(pay)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    with pytest.raises(StoreError):
        agent.continue_run(run)
    server.start()
    with pytest.raises(RunBusy):
        agent.continue_run(run)
    move_databases_clock(engine, LEASE_MS)
    (question,) = agent.continue_run(run).active_requirements
    assert question.is_outcome_unknown
    house.clock.advance(LONG_MS)
    question.it_happened("paid 5.0")
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1
    assert house.said_to_model(engine, run.run_id) == ["paid 5.0"]


# -- the wire breaks in COMMIT


def wired(server: Server, proxy: Proxy) -> str:
    return proxy.url(server.schema_url(), server)


@pytest.mark.parametrize(("plan", "cut"), list(zip(PLACES, CUTS, strict=True))[:2], ids=str)
def test_law03_the_wire_breaks_in_a_commit(tmp_path: Path, server: Server, proxy: Proxy, plan: Plan, cut: Cut) -> None:
    world = World(tmp_path / "w", wired(server, proxy))
    assert befallen(world, plan, lambda: proxy.cuts.append(cut)) == []
    assert proxy.cuts == []


@pytest.mark.slow
def test_law03_the_wire_breaks_in_each_commit(tmp_path: Path, server: Server, proxy: Proxy) -> None:
    passed = passed_in_peace(tmp_path / "peace", wired(server, proxy))
    wrong = {}
    for number, plan in enumerate(places(passed, "before the commit")):
        cut = CUTS[number % len(CUTS)]
        world = World(tmp_path / f"{number}", wired(server, proxy))
        found = befallen(world, plan, partial(proxy.cuts.append, cut))
        if found or proxy.cuts:
            wrong[f"{plan} {cut}"] = found
    assert wrong == {}


@pytest.mark.parametrize("cut", ["before", "after"])
def test_law02_what_became_of_an_answer_that_was_not_answered_is_read_back(
    house: House, server: Server, proxy: Proxy, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be asked what became of the commit: the person gets an error, looks, and knows."""
    url, house.store_url = house.store_url, proxy.url(house.store_url, server)
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    (question,) = run.active_requirements
    with monkeypatch.context() as forgetful:
        forgetful.setattr(PostgresDatabase, "landed", lambda *_: None)
        proxy.cuts = [cut]
        with pytest.raises(StoreError, match="not known") as caught:
            question.confirm()
        assert "read the run again" in str(caught.value.help)
    landed = cut == "after"
    assert run.refresh().state is (RunState.CONTINUING if landed else RunState.PAUSED)
    if landed:
        with pytest.raises(AlreadyResolved, match="by alice"):
            question.confirm()
    else:
        question.confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 5.0, "-")]
    house.store_url = url
    other = house.engine()
    assert house.records(other, run.run_id).count("requirement_resolved") == 1
    assert other.audit.verify().intact


@pytest.mark.parametrize("cut", ["before", "after"])
def test_law03_the_intents_commit_is_not_answered_and_nobody_can_be_asked(
    house: House, server: Server, proxy: Proxy, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the tool does not run: if the intent is there, a person is asked; if it is not, it runs once."""
    house.store_url = proxy.url(house.store_url, server)
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    with monkeypatch.context() as forgetful:
        forgetful.setattr(PostgresDatabase, "landed", lambda *_: None)
        proxy.cuts = [cut]
        with pytest.raises(StoreError, match="not known"):
            agent.continue_run(run)
    assert house.effects == []
    move_databases_clock(engine, LEASE_MS)
    after = agent.continue_run(run)
    if cut == "after":
        (question,) = after.active_requirements
        house.clock.advance(LONG_MS)
        question.it_did_not_happen()
        after = agent.continue_run(run)
    assert after.state is RunState.DONE
    assert house.effects == [("pay", "bob", 5.0, "-")]


def test_law02_an_answer_whose_backend_is_ended_while_it_waits_for_the_record(house: House, server: Server) -> None:
    """Somebody holds the record's head; an administrator ends the one who waits. The answer is given once, or not."""
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    database = house.store_url.partition("postgresql:///")[2].partition("?")[0]
    schema = house.store_url.partition("schema=")[2]
    ends: list[object] = []

    def confirm() -> None:
        try:
            ends.append(run.active_requirements[0].confirm().state)
        except HitlError as error:
            ends.append(error)

    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
    with server.connect(database) as holder, holder.transaction():
        holder.execute(f"SELECT 1 FROM {schema}.log_head FOR UPDATE")
        person = threading.Thread(target=confirm)
        person.start()
        while not (found := server.sql(waiting, values=[database])):
            assert person.is_alive()
        server.sql("SELECT pg_terminate_backend(%s)", values=found[0])
    person.join(HUNG_S)
    answered = run.refresh().state is RunState.CONTINUING
    assert ends == [RunState.CONTINUING] if answered else isinstance(ends[0], StoreError)
    assert answered
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1
    assert house.records(agent.engine, run.run_id).count("requirement_resolved") == 1
