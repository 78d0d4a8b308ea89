"""A server that writes what it likes onto the wire: what a model reads of it, and which of its answers count."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_fsm import MCPServer
from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text

PROGRAM = """
import json, sys

def say(number, result):
    print('{"jsonrpc": "2.0", "id": %s, "result": %s}' % (number, result), flush=True)

for line in sys.stdin:
    asked = json.loads(line)
    number, method = asked.get("id"), asked.get("method")
    if method == "initialize":
        say(number, json.dumps({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "raw", "version": "1"}}))
    elif method == "tools/list":
        say(number, json.dumps({"tools": [{"name": "ask", "inputSchema": {"type": "object"}}]}))
    elif method == "tools/call":
        for result in sys.argv[1:]:
            say(number, result)
    elif number is not None:
        print(json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32601, "message": "no"}}), flush=True)
"""


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[list[MCPServer]]:
    made: list[MCPServer] = []
    yield made
    for one in made:
        one.close()


def read(house: House, tmp_path: Path, made: list[MCPServer], *results: str) -> list[str]:
    """What the model reads of two calls, each answered with these results."""
    program = tmp_path / "raw.py"
    program.write_text(PROGRAM)
    server = MCPServer.stdio("raw", sys.executable, [str(program), *results])
    made.append(server)
    engine = house.engine(policies(policy_text("- {id: all, tools: 'raw.*', gate: allow}", tools="'raw.*'")))
    run = house.agent(engine, [calls(call("raw.ask")), calls(call("raw.ask"))], tools=[server]).run("go", user="alice")
    assert run.state is RunState.DONE
    return house.said_to_model(engine, run.run_id)


def test_what_json_has_no_number_for_is_read_as_that_of_any_other_tool(
    house: House, tmp_path: Path, raw: list[MCPServer]
) -> None:
    """It became null: a sum that is out of bounds was read as one that is not there."""
    told = read(house, tmp_path, raw, '{"content": [], "structuredContent": {"a": NaN, "b": 1e999, "c": null}}')
    assert told == ['{"a":"NaN","b":"Infinity","c":null}'] * 2


def test_of_several_answers_the_first_counts(house: House, tmp_path: Path, raw: list[MCPServer]) -> None:
    texts = [f'{{"content": [{{"type": "text", "text": "{word}"}}]}}' for word in ("one", "two", "three")]
    assert read(house, tmp_path, raw, *texts) == ["one", "one"]
