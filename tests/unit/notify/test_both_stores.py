"""What is told survives the death of who tells it, and several tell each thing once; on each kind of database."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_fsm.notify import Webhook
from hitl_fsm.runtime.outgoing.outbox import AGAIN_MAX_MS, Told
from house import House, call, calls
from receiver import SECRET, desk

ASKED = "- {id: all, tools: [pay], gate: {approval: {of: [role:finance], expires: 1h}}}"
PAY = call("pay", to="bob", amount=12)

DIES = """
import os, signal, sys
from pathlib import Path

sys.path[:0] = [sys.argv[1]]
from house import House
from hitl_fsm.notify import Webhook

house = House(Path(sys.argv[2]), store_url=sys.argv[3])
engine = house.engine(sys.argv[5], channels=[Webhook(sys.argv[4], "env:DESK_SECRET")])


async def dies(*settled):
    os.kill(os.getpid(), signal.SIGKILL)


engine.store.settle_delivery = dies
engine.notify()
"""


@pytest.fixture(params=["file", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    if request.param == "postgres":
        made.store_url = request.getfixturevalue("postgres_server").schema_url()
    yield made
    for engine in made.engines:
        engine.close()


def test_two_workers_tell_each_thing_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with desk() as told:
        told.answers = [500] * 5
        first, second = (house.engine(ASKED, channels=[Webhook(told.url, "env:DESK_SECRET")]) for _ in range(2))
        house.agent(first, [calls(*[PAY] * 20)]).run("go", user="alice")

        async def both() -> Told:
            found = await asyncio.gather(first.anotify(), second.anotify())
            return Told(*map(sum, zip(*found, strict=True)))

        sent = 0
        for _ in range(8):
            sent += asyncio.run(both()).sent
            house.clock.advance(AGAIN_MAX_MS // 30)
        assert sent == 20
        assert len(told.messages) == 25
        assert len({one.id for one in told.messages}) == 20
        assert [one.state for one in first.notices.list()] == ["sent"] * 20


@pytest.mark.slow
def test_one_that_dies_after_it_sent_sends_again_under_the_same_id(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with desk() as told:
        engine = house.engine(ASKED)
        house.agent(engine, [calls(PAY)]).run("go", user="alice")
        tests = str(Path(__file__).parents[2])
        arguments = [tests, str(house.folder), house.store_url, told.url, ASKED]
        done = subprocess.run([sys.executable, "-c", DIES, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert [one.state for one in engine.notices.list()] == ["sending"]
        alive = house.engine(ASKED, channels=[Webhook(told.url, "env:DESK_SECRET")])
        assert alive.notify() == Told(sent=1)
        assert alive.notify() == Told()
        assert len(told.messages) == 2
        assert len({one.id for one in told.messages}) == 1
        assert engine.notices.list()[0].attempts == 2
