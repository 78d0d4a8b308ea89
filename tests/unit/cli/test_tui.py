"""The full-screen inbox, driven by keys: what it shows, and that no key answers anything by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("textual")

from textual.widgets import DataTable, Input, Static, TextArea

from hitl_fsm.cli.answers.filtering import Wanted
from hitl_fsm.cli.answers.inbox import looking
from hitl_fsm.cli.answers.tui import Confirm, InboxApp
from hitl_fsm.cli.session import Session
from hitl_fsm.model.answer import Reject
from house import House, call, calls

RULES = """
- id: pay
  tools: pay
  gate: {approval: {of: [role:finance], quorum: 2, edit: {amount: {maximum: 100}}}}
- {id: rest, tools: look, gate: confirm}
"""
SIZE = (80, 24)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for engine in house.engines:
        from hitl_fsm.runtime.loop import run_sync

        run_sync(engine.store.close())


def app_for(house: House, *asked: dict[str, Any], speaker: str = "maria") -> tuple[InboxApp, Any]:
    """An app over runs that ask for these calls; and the engine."""
    engine = house.engine(RULES.strip())
    for one in asked:
        house.agent(engine, [calls(one)]).run("go", user="alice")
    session = Session(store=house.url, no_color=True)
    session._engine, session._app_engine = engine, True
    return InboxApp(session, looking(session, engine.store, Wanted(), None), speaker), engine


def text_of(app: InboxApp, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).render())


def states(engine: Any) -> list[tuple[str, int]]:
    found = [engine.runs.get(row.run_id).value for row in engine.runs.list()]
    return [(one.state.value, len(one.votes)) for run in reversed(found) for one in run.requirements]


async def typed(pilot: Any, note: str, word: str) -> None:
    """Into the confirmation that stands on the screen."""
    await pilot.pause()
    assert isinstance(pilot.app.screen, Confirm)
    pilot.app.screen.query_one("#note", Input).value = note
    await pilot.press("enter")
    pilot.app.screen.query_one("#word", Input).value = word
    await pilot.press("enter")
    await pilot.pause()


async def test_it_lists_and_shows_the_same_as_the_commands(house: House) -> None:
    hostile = "bob\x1b[2J\u202eevil [red]x[/red]"
    app, _ = app_for(house, call("pay", to=hostile, amount=5), call("look", order_id="7"))
    async with app.run_test(size=SIZE) as pilot:
        table = app.query_one(DataTable)
        assert table.row_count == 2
        rows = [[str(cell) for cell in table.get_row_at(index)] for index in range(2)]
        (asked,) = [index for index, row in enumerate(rows) if "approval" in row]
        cells = rows[asked]
        assert "⟦U+202E⟧evil [red]x[/red]" in cells[4]
        assert cells[1] == "0/2 !"
        on_screen = [table.render_line(y).text for y in range(3)]
        assert any("0/2 !" in line for line in on_screen), on_screen
        table.move_cursor(row=asked)
        await pilot.pause()
        shown = text_of(app, "question")
        assert "⟦U+202E⟧evil [red]x[/red]" in shown
        assert "\x1b" not in shown
        await pilot.press("up" if asked else "down")
        assert '"order_id": "7"' in text_of(app, "question")


async def test_no_key_answers_by_itself(house: House) -> None:
    app, engine = app_for(house, call("look", order_id="7"), speaker="alice")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("a", "a", "enter", "enter")
        assert states(engine) == [("open", 0)]
        await pilot.press("r")
        await typed(pilot, "", "yes")  # another word than the one that is asked for
        assert states(engine) == [("open", 0)]
        assert "nothing was recorded" in text_of(app, "told")


async def test_a_yes_is_a_word_under_the_whole_question(house: House) -> None:
    app, engine = app_for(house, call("pay", to="bob", amount=5))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("a")
        await pilot.pause()
        assert '"to": "bob"' in str(app.screen.query_one("#asked", Static).render())
        await typed(pilot, "seen", "yes")
        assert states(engine) == [("open", 1)]
        assert "vote recorded; one more of role finance needed" in text_of(app, "told")
        await pilot.press("a")
        await typed(pilot, "", "yes")
        assert "HF308" in text_of(app, "told")  # one vote a person
    vote = engine.inbox.list()[0].votes[0]
    assert (vote.by.id, vote.answer.note, len(vote.presented)) == ("maria", "seen", 64)


async def test_a_no_is_for_good_and_leaves_the_list(house: House) -> None:
    app, engine = app_for(house, call("pay", to="bob", amount=5))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("r")
        await typed(pilot, "not him", "no")
        assert states(engine) == [("rejected", 0)]
        assert app.query_one(DataTable).row_count == 0
        assert "Nothing waits for a person." in text_of(app, "question")
        await pilot.press("a", "r", "e")  # nothing is there to be answered
        assert not isinstance(app.screen, Confirm)


async def test_arguments_are_changed_as_json_and_asked_about_with_the_difference(house: House) -> None:
    app, engine = app_for(house, call("pay", to="bob", amount=5))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("e")
        await pilot.pause()
        app.screen.query_one(TextArea).text = '{"to": "eve", "amount": 5}'
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert "HF309" in text_of(app, "told")
        await pilot.press("e")
        await pilot.pause()
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace('"amount": 5', '"amount": 4')
        await pilot.press("ctrl+s")
        await pilot.pause()
        asked = str(app.screen.query_one("#asked", Static).render())
        assert '-   "amount": 5' in asked
        assert '+   "amount": 4' in asked
        await typed(pilot, "", "yes")
    (now,) = engine.inbox.list()
    assert (now.args["amount"], len(now.votes)) == (4, 1)


async def test_what_comes_meanwhile_appears_and_the_mark_stays(house: House) -> None:
    app, engine = app_for(house, call("look", order_id="7"), call("look", order_id="8"), speaker="alice")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("down")
        marked = app.marked
        engine.resolve(engine.inbox.list()[0].requirement_id, Reject())
        app.refresh_list()
        await pilot.pause()
        assert (app.query_one(DataTable).row_count, app.marked) == (1, marked)


async def test_what_is_looked_at_is_on_the_record_once_and_by_whom(house: House) -> None:
    app, engine = app_for(house, call("pay", to="bob", amount=5), call("look", order_id="7"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("down")
        await pilot.press("up")
        await pilot.press("down")
    viewed = [
        (line["by"]["id"], line["data"]["surface"], line["data"]["requirement"])
        for line in map(json.loads, [row.body for row in await engine.store.records(limit=100)])
        if line["event"] == "requirement_viewed"
    ]
    assert sorted(viewed) == sorted(("maria", "tui", one.requirement_id) for one in engine.inbox.list())
