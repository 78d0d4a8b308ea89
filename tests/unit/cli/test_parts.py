"""The small parts: times, values of options, pages, targets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from hitl_fsm.cli import colored, plain
from hitl_fsm.cli.audit.line import line_cells
from hitl_fsm.cli.output import ascii_safe
from hitl_fsm.cli.page import Field, Fields, Grid, Lines, Page
from hitl_fsm.cli.target import AppError, load
from hitl_fsm.cli.values import assignments, json_object, json_value, plain_value, typed
from hitl_fsm.cli.when import relative, stamp, stamp_text
from hitl_fsm.errors import SettingsError

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_750_000_000_000


@pytest.mark.parametrize(
    ("offset", "told"),
    [
        (0, "just now"),
        (-1_999, "just now"),
        (-5_000, "5 s ago"),
        (-3 * MINUTE, "3 min ago"),
        (4 * HOUR - 10, "in 4 h"),
        (DAY, "in 1 day"),
        (-9 * DAY, "9 days ago"),
    ],
)
def test_a_time_is_also_told_by_its_distance(offset: int, told: str) -> None:
    assert relative(NOW + offset, NOW) == told


def test_a_time_is_rfc_3339_in_utc() -> None:
    assert stamp(NOW, NOW) == "2025-06-15T15:06:40.000Z (just now)"
    assert stamp_text("2025-06-15T15:06:40.000Z").startswith("2025-06-15T15:06:40.000Z (")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("true", True), ('"1"', "1"), ("null", None), ("NaN", "NaN"), ("Infinity", "Infinity"), ("a=b", "a=b")],
)
def test_a_plain_value_is_json_where_it_is_json(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert plain_value("[" * 100_000) == "[" * 100_000


def test_assignments_keep_text_where_text_is_wanted() -> None:
    texts = assignments(["zip=01234", "n=5", "n=6", "empty="])
    assert texts == {"zip": "01234", "n": "6", "empty": ""}
    assert typed({"zip": "42", "n": "6"}, {"zip": "string"}.get) == {"zip": "42", "n": 6}
    for bad in ("novalue", "=x"):
        with pytest.raises(typer.BadParameter, match="is not NAME=VALUE"):
            assignments([bad])


@pytest.mark.parametrize(
    "text", ["[1]", "null", '{"a":1,"a":2}', '{"a":NaN}', "{", "", '{"a":' * 100 + "1" + "}" * 100]
)
def test_an_object_is_read_strictly(text: str) -> None:
    with pytest.raises(SettingsError, match="--data"):
        json_object(text, "--data")


def test_a_value_comes_from_text_or_a_file(tmp_path: Path) -> None:
    assert json_value("[1, null]", "--data") == [1, None]
    file = tmp_path / "x.json"
    file.write_text('{"a": 1}', encoding="utf-8")
    assert json_object(f"@{file}", "--data") == {"a": 1}
    for bad in (f"@{tmp_path}/none", f"@{tmp_path}", "NaN", '{"a":1,"a":2}', "1, 2"):
        with pytest.raises(SettingsError, match="--data"):
            json_value(bad, "--data")
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not UTF-8"):
        json_value(f"@{file}", "--data")
    file.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(SettingsError, match="larger than"):
        json_value(f"@{file}", "--data")


PAGE = Page(
    (
        Fields((Field("id", "a\nb [red]x[/red]"), Field("longer", "\u202ec", "bad"))),
        Grid(("h1", "h2"), (("1", "done"), ("22", "\x1b[2J"))),
        Lines("title", ("one", "two\nthree"), "strong"),
    )
)


def test_a_page_is_aligned_and_a_value_stays_on_its_line() -> None:
    assert plain.render(PAGE) == (
        "id      a⟦U+000A⟧b [red]x[/red]\n"
        "longer  ⟦U+202E⟧c\n"
        "\n"
        "h1  h2\n"
        "1   done\n"
        "22  ⟦U+001B⟧[2J\n"
        "\n"
        "title\n"
        "  one\n"
        "  two⟦U+000A⟧three\n"
    )


def test_a_coloured_page_says_the_same_and_cuts_nothing() -> None:
    import re

    text = re.sub("\x1b\\[[0-9;]*m", "", colored.render(PAGE, width=60))
    for told in ("a⟦U+000A⟧b [red]x[/red]", "⟦U+202E⟧c", "⟦U+001B⟧[2J", "two⟦U+000A⟧three"):
        assert told in text
    narrow = colored.render(Page((Grid(("a", "b"), (("x" * 100, "y" * 100),)),)), width=20)
    assert narrow.count("x") == narrow.count("y") == 100
    long = colored.render(Page((Lines("t" * 100, ("z" * 300,), "strong"), Fields((Field("a", "v" * 100),)))), width=20)
    assert "t" * 100 in long
    assert "z" * 300 in long  # one line: it can be copied as one
    assert long.count("v") == 100
    listed = colored.render(Page((Grid(("id", "x"), (("r" * 27, "y" * 100),)),)), width=50)
    assert "r" * 27 in listed
    assert listed.count("y") == 100


def test_an_empty_page_is_nothing() -> None:
    assert plain.render(Page(())) == ""
    assert plain.render(Page((Fields(()), Grid(("a",), ())))) == "\na\n"


def test_json_on_a_terminal_is_ascii() -> None:
    import json

    text = json.dumps({"a": "\x7f\u202e😀é"}, ensure_ascii=False)
    safe = ascii_safe(text)
    assert safe.isascii()
    assert "\x7f" not in safe
    assert json.loads(safe) == json.loads(text)


@pytest.mark.parametrize(
    "line",
    [{}, {"seq": 1, "damaged": True}, {"at": 10**30, "by": 5, "data": []}, {"at": "x", "by": {"id": {}}, "event": 7}],
)
def test_any_line_of_a_record_gives_cells(line: dict[str, object]) -> None:
    assert all(isinstance(cell, str) for cell in line_cells(line))


# -- targets


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.mark.parametrize("target", ["", "x", ":", "x:", ":y", "a b:c", "../x:y", "x.py:y", "x-y:z"])
def test_a_target_that_is_none_is_refused_before_any_import(folder: Path, target: str) -> None:
    with pytest.raises(SettingsError, match="names no application"):
        load(target)


def test_a_target_is_an_engine_or_an_agent_also_below_something(folder: Path) -> None:
    (folder / "target_a.py").write_text(
        "from hitl_fsm import Agent, Engine\n"
        "from hitl_fsm.testing import ScriptedModel\n"
        "class Box: pass\n"
        "box = Box()\n"
        "box.engine = Engine(store='sqlite:///:memory:')\n"
        "box.agent = Agent('a', ScriptedModel([{'say': 'x'}]), engine=box.engine)\n"
        "engine = box.engine\n",
        encoding="utf-8",
    )
    engine, agent = load("target_a:box.engine"), load("target_a:box.agent")
    assert engine.runnable is None
    assert agent.runnable is not None
    assert agent.engine is engine.engine is load("target_a:engine").engine
    with pytest.raises(SettingsError, match=r"no attribute 'box\.nothing'"):
        load("target_a:box.nothing")
    with pytest.raises(SettingsError, match="is a Box") as wrong:
        load("target_a:box")
    assert wrong.value.help is not None
    assert "target_a:engine" in wrong.value.help
    engine.engine.close()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import target_nothing_there\n", "ModuleNotFoundError: No module named 'target_nothing_there'"),
        ("x = (\n", "SyntaxError: '(' was never closed at"),
        ("def f():\n    raise ValueError('deep')\nf()\n", "ValueError: deep at"),
    ],
)
def test_an_application_that_raises_is_told_with_its_line(folder: Path, source: str, told: str) -> None:
    name = f"target_raises_{abs(hash(source))}"
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    with pytest.raises(AppError) as raised:
        load(f"{name}:x")
    assert told in raised.value.message
    assert f"{name}.py:" in raised.value.message
    assert raised.value.code == "HF702"


def test_a_line_of_the_record_tells_how_many_runs_were_forgotten() -> None:
    data = {"before": 1, "count": 2, "runs": [{"run": "run_a"}, {"run": "run_b"}]}
    line = {"seq": 7, "at": 0, "event": "runs_forgotten", "by": {"id": "maria"}, "data": data}
    assert line_cells(line) == ("7", "1970-01-01T00:00:00.000Z", "runs_forgotten", "maria", "count=2")
