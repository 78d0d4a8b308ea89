"""The how-to page on verifying: its commands do what they say, and its tables are those of the attacks."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from acceptance.shell import Shell
from house import House, call, calls
from laws import test_attacks_on_the_record as attacks

PAGE = (Path(__file__).parents[2] / "docs/how-to/verify-the-record.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([a-z ,]+?) \| ((?:(?:intact|tampered|incomplete) \| ?){2,3})$", re.MULTILINE)


def test_the_commands_work_as_written(tmp_path: Path) -> None:
    house = House(tmp_path)
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    asked = run.active_requirements[0].id
    run.active_requirements[0].confirm(by="alice")
    agent.continue_run(run)
    engine.close()
    shell = Shell(tmp_path)
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 10
    for line in lines:
        typed, _, into = line.replace("REQ", asked).partition(" > ")
        done = shell("--store", "sqlite:///hitl.db", *shlex.split(typed)[1:])
        assert done.code == 0, (line, done)
        if into:
            (tmp_path / into).write_text(done.out)


def test_the_tables_say_what_the_attacks_come_to() -> None:
    told = {
        name: verdicts
        for names, rest in ROW.findall(PAGE)
        for name in names.split(", ")
        for verdicts in [tuple(rest.strip(" |").split(" | "))]
        if len(verdicts) == 3
    }
    last = {one: "incomplete" if one in attacks.NOT_FROM_THE_ANCHOR else "tampered" for one in attacks.DATABASE}
    assert told == {
        one.__name__.replace("_", " "): (*verdicts, last[one]) for one, verdicts in attacks.DATABASE.items()
    }
    stolen = {name for names, rest in ROW.findall(PAGE) if rest.count("|") == 2 for name in names.split(", ")}
    named = {one.__name__.replace("_", " ") for one in attacks.WITH_THE_KEYS}
    assert stolen == {*named, "forge a tail and sign it"}
    assert str(attacks.FLIPS) in PAGE
