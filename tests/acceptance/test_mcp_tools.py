"""The tools of real MCP servers, each a process of its own, over both transports and both protocol generations."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hitl_fsm.errors import SettingsError, ToolError, ToolsUnavailable, UnknownTool
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.handles import RequirementHandle, RunHandle
from house import House, call, calls, policies, policy_text
from mcp_servers import PROGRAM, Servers, free_port
from moments import HUNG_S

ALLOW = "- {id: all, tools: 'shop.*', gate: allow}"
CONFIRM = "- {id: all, tools: 'shop.*', gate: confirm}"


@pytest.fixture(scope="module")
def house_of_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("mcp"))
    yield made
    made.close()


@pytest.fixture
def servers(house_of_servers: Servers) -> Servers:
    house_of_servers.forget()
    return house_of_servers


@pytest.fixture(params=["stdio", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["auto", pytest.param("legacy", marks=pytest.mark.slow)])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rules(text: str) -> PolicySet:
    return policies(policy_text(text, tools="'shop.*'"))


def told(house: House, server: Any, *wanted: dict[str, Any], policy: str = ALLOW) -> list[str]:
    """What the model reads of these calls, each in a turn of its own."""
    engine = house.engine(rules(policy))
    run = house.agent(engine, [calls(one) for one in wanted], tools=[server]).run("go", user="alice")
    assert run.state is RunState.DONE, run.error
    return house.said_to_model(engine, run.run_id)


def test_what_its_tools_return_is_what_the_model_reads(
    house: House, servers: Servers, transport: str, protocol: str
) -> None:
    server = servers.shared(transport, protocol)
    *read, error = told(
        house,
        server,
        call("shop.look", order_id="42"),
        call("shop.weather", city="Bonn"),
        call("shop.picture"),
        call("shop.echo", value={"a": None, "b": [None, 1]}),
        call("shop.broken", reason="no such order"),
    )
    assert read == [
        '{"result":"order 42 at depth 1"}',
        '{"city":"Bonn","celsius":21.5}',
        "a picture:\n\n⟨image image/png, 5 bytes⟩",
        '{"value":{"a":null,"b":[null,1]},"is_null":false}',
    ]
    assert error.startswith("ServerError: Error executing tool broken")
    assert servers.witness == ["look 42 1"]


@pytest.mark.parametrize("protocol", ["auto", "legacy"])
def test_law03_a_long_answer_is_cut_and_one_that_is_too_long_over_http_is_not_asked_about(
    house: House, servers: Servers, transport: str, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one event over HTTP a text of 1 MiB was nobody's word, and a person was asked whether it happened."""
    server = servers.shared(transport, protocol)
    asked, after = call("shop.much", count=3_000_000), call("shop.look", order_id="42")
    long, short = told(house, server, asked, after)
    assert "xxx" in long
    assert "⟨cut: " in long[-100:]
    assert "order 42 at depth 1" in short
    monkeypatch.setattr("hitl_fsm.adapters.mcp.bounded.ANSWER_BYTES", 1_000_000)
    long, short = told(house, server, asked, after)
    if transport == "http":
        assert "The server answered with more than 1000000 bytes, which are not read" in long
    assert "order 42 at depth 1" in short
    assert servers.witness == ["much 3000000", "look 42 1"] * 2, "each once"


def test_law01_a_hint_of_the_server_opens_no_gate(house: House, servers: Servers, transport: str) -> None:
    """`pay` says of itself that it only reads."""
    engine = house.engine(rules(CONFIRM))
    agent = house.agent(engine, [calls(call("shop.pay", to="bob", amount=5))], tools=[servers.shared(transport)])
    run = agent.run("go", user="alice")
    (asked,) = run.active_requirements
    assert (asked.kind, asked.tool.tool_name, asked.tool.tool_args) == (
        "confirm",
        "shop.pay",
        {"to": "bob", "amount": 5},
    )
    assert agent.continue_run(run).is_paused
    assert servers.witness == []
    asked.confirm(by="alice", args={"to": "bob", "amount": 4})
    assert agent.continue_run(run).state is RunState.DONE
    assert servers.witness == ["pay bob 4.0"]


def test_law06_arguments_are_held_against_the_declared_schema_and_nothing_is_sent(
    house: House, servers: Servers
) -> None:
    server = servers.shared("stdio")
    read = told(
        house,
        server,
        call("shop.pay", to="bob", amount="5"),
        call("shop.pay", to="bob"),
        call("shop.pay", to="bob", amount=5, memo="x"),
        call("shop.nothing"),
    )
    assert [line.partition(": ")[2] for line in read[:3]] == [
        "amount: '5' is not of type 'number'. It was not executed.",
        "amount: is required. It was not executed.",
        "memo: is not a field here. It was not executed.",
    ]
    assert read[3].startswith("There is no tool 'shop.nothing'.")
    assert servers.witness == []


def test_law06_a_tool_that_no_policy_covers_is_denied(house: House, servers: Servers) -> None:
    engine = house.engine(policies(policy_text("- {id: a, gate: allow}", tools="'other.*'")))
    run = house.agent(engine, [calls(call("shop.look", order_id="1"))], tools=[servers.shared("stdio")]).run("go")
    assert "Denied" in house.said_to_model(engine, run.run_id)[0]
    assert servers.witness == []


def test_law03_a_server_that_dies_in_a_call_leaves_a_question_and_is_not_asked_again(
    house: House, servers: Servers, transport: str
) -> None:
    engine = house.engine(rules(ALLOW))
    server = servers.server(transport)
    agent = house.agent(engine, [calls(call("shop.dies", how="hard"))], tools=[server])
    run = agent.run("go", user="alice")
    (asked,) = run.active_requirements
    assert (asked.kind, run.calls[0].state) == ("outcome", CallState.OUTCOME_UNKNOWN)
    assert agent.continue_run(run).is_paused
    assert servers.witness == ["dies hard"]
    may_act = asked.value.answerable_from is not None
    assert may_act == (transport == "http")  # a process that ended acts no more; what stands behind a URL may


@pytest.mark.slow
def test_a_server_that_died_between_two_calls_is_started_again(house: House, servers: Servers) -> None:
    engine = house.engine(rules(ALLOW))
    server = servers.server("stdio")
    agent = house.agent(
        engine, [calls(call("shop.look", order_id="1")), calls(call("shop.look", order_id="2"))], tools=[server]
    )
    tools = {tool.name: tool for tool in server.tools()}
    assert "shop.look" in tools
    last = max(children())
    os.kill(last, signal.SIGKILL)
    end = time.monotonic() + HUNG_S
    while last in children() and time.monotonic() < end:  # its end has to be seen by who waits for it
        time.sleep(0.01)
    run = agent.run("go", user="alice")
    assert (run.state, servers.witness) == (RunState.DONE, ["look 1 1", "look 2 1"])


def children() -> list[int]:
    """The servers that this process started."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if f"{PROGRAM} stdio" in line]


@pytest.mark.slow
def test_a_server_that_cannot_be_reached_was_not_asked_to_do_anything(house: House, servers: Servers) -> None:
    server = servers.server("http")
    engine = house.engine(rules(ALLOW))
    agent = house.agent(engine, [calls(call("shop.look", order_id="1"))], tools=[server])
    assert len(agent.tools) > 5
    servers.stop(last=True)
    run = agent.run("go", user="alice")
    assert run.state is RunState.DONE
    (read,) = house.said_to_model(engine, run.run_id)
    assert "It was not executed." in read
    assert servers.witness == []


@pytest.mark.slow
def test_law03_a_call_over_its_time_is_unknown_and_its_late_answer_counts(
    house: House, servers: Servers, transport: str
) -> None:
    engine = house.engine(rules(ALLOW))
    agent = house.agent(
        engine, [calls(call("shop.slow", seconds=6.0))], tools=[servers.server(transport, timeout_s=1.5)]
    )
    run = agent.run("go", user="alice")
    (asked,) = run.active_requirements
    assert asked.kind == "outcome"
    assert asked.value.answerable_from is not None
    end = time.monotonic() + HUNG_S
    while engine.runs.get(run.run_id).is_paused and time.monotonic() < end:
        time.sleep(0.1)
    done = agent.continue_run(run_id=run.run_id)
    assert done.state is RunState.DONE
    assert house.said_to_model(engine, run.run_id) == ['{"result":"at last"}']
    assert servers.witness == ["slow begins", "slow ends"]


@pytest.mark.slow
def test_law03_what_the_server_calls_idempotent_is_not_tried_again_and_what_the_application_does_is(
    house: House, servers: Servers
) -> None:
    server = servers.server("stdio", idempotent=["look"])
    tools = {tool.name: tool for tool in server.tools()}
    assert [tools[name].idempotent for name in ("shop.pay", "shop.look")] == [False, True]
    assert told(house, server, call("shop.key"))[0].count(":") >= 2


@pytest.mark.slow
def test_law05_a_tool_that_changed_while_its_call_waited_is_asked_about_again(house: House, servers: Servers) -> None:
    asked, again = continued_by_a_later_server(house, servers, "1")
    (anew,) = again.active_requirements
    assert (anew.kind, anew.id != asked.id, anew.value.digest != asked.value.digest) == ("confirm", True, True)


@pytest.mark.slow
def test_law05_a_tool_that_got_an_argument_while_its_call_waited_is_not_called(house: House, servers: Servers) -> None:
    _, again = continued_by_a_later_server(house, servers, "grown")
    assert again.state is RunState.DONE
    (read,) = house.said_to_model(house.engines[-1], again.run_id)
    assert "has arguments by now that nobody was asked about: force. It was not executed." in read


def continued_by_a_later_server(house: House, servers: Servers, changed: str) -> tuple[RequirementHandle, RunHandle]:
    """The question that was answered with yes, and the run after another process went on with it."""
    engine = house.engine(rules(CONFIRM))
    script = [calls(call("shop.later", order_id="1"))]
    run = house.agent(engine, script, tools=[servers.shared("stdio")]).run("go", user="alice")
    (asked,) = run.active_requirements
    asked.confirm(by="alice")
    later = house.engine(rules(CONFIRM))
    agent = house.agent(later, script, tools=[servers.server("stdio", env={"CHANGED": changed})])
    return asked, agent.continue_run(run_id=run.run_id)


@pytest.mark.slow
def test_law05_a_tool_that_changes_under_a_running_agent_is_not_called(house: House, servers: Servers) -> None:
    port = free_port()
    url = servers.listening(port)
    from hitl_fsm import MCPServer

    server = MCPServer.http("shop", url)
    servers.made.append(server)
    engine = house.engine(rules(ALLOW))
    agent = house.agent(engine, [calls(call("shop.later", order_id="1"))], tools=[server])
    assert "shop.later" in agent.tools
    server.close()
    servers.stop(last=True)
    servers.listening(port, {**servers.environment, "CHANGED": "1"})
    run = agent.run("go", user="alice")
    (read,) = house.said_to_model(engine, run.run_id)
    assert "now declares otherwise its tool later" in read
    assert "It was not executed." in read


async def test_it_serves_async_callers_and_streams_too(house: House, servers: Servers, transport: str) -> None:
    engine = house.engine(rules(ALLOW))
    server = servers.shared(transport)
    agent = house.agent(engine, [calls(call("shop.look", order_id="1"))], tools=[server])
    assert (await agent.arun("go", user="alice")).state is RunState.DONE
    agents = [house.agent(engine, [calls(call("shop.look", order_id=str(n)))], tools=[server]) for n in range(5)]
    runs = await asyncio.gather(*(one.arun("go", user="alice") for one in agents))
    assert {run.state for run in runs} == {RunState.DONE}
    streamed = house.agent(engine, [calls(call("shop.look", order_id="9"))], tools=[server])
    kinds = [type(event).__name__ async for event in streamed.arun("go", user="alice", stream=True)]
    assert kinds.count("ToolCallCompleted") == 1
    assert sorted(servers.witness) == sorted(["look 1 1", *(f"look {n} 1" for n in range(5)), "look 9 1"])


@pytest.mark.slow
def test_only_some_of_its_tools(servers: Servers) -> None:
    assert [tool.name for tool in servers.server("stdio", include=["look", "pay"]).tools()] == ["shop.look", "shop.pay"]
    names = {tool.name for tool in servers.server("stdio", exclude=["pay"]).tools()}
    assert "shop.look" in names
    assert "shop.pay" not in names
    with pytest.raises(ToolError, match="has no tool 'lok'"):
        servers.server("stdio", include=["lok"]).tools()


def test_a_server_that_does_not_come_up_says_why_and_the_run_can_be_continued(house: House, servers: Servers) -> None:
    from hitl_fsm import MCPServer

    broken = MCPServer.stdio("shop", sys.executable, ["-c", "import sys; sys.exit('no \x1b[31mdatabase')"])
    with pytest.raises(ToolsUnavailable, match="it said: no ⟦U\\+001B⟧\\[31mdatabase"):
        broken.tools()
    with pytest.raises(ToolsUnavailable, match="No such file"):
        MCPServer.stdio("shop", str(servers.folder / "nowhere")).tools()
    with pytest.raises(ToolsUnavailable, match="cannot be used"):
        MCPServer.http("shop", f"http://127.0.0.1:{free_port()}/mcp").tools()


@pytest.mark.parametrize(
    ("name", "place"),
    [("no name", "http://x/mcp"), ("9", "http://x/mcp"), ("shop", "ftp://x"), ("shop", "http://"), ("a.b", "http://x")],
)
def test_what_cannot_be_a_server_is_refused_where_it_is_written(name: str, place: str) -> None:
    from hitl_fsm import MCPServer

    with pytest.raises(SettingsError):
        MCPServer.http(name, place)


def test_no_secret_is_shown() -> None:
    from hitl_fsm import MCPServer

    server = MCPServer.http(
        "shop", "https://u:hunter2@x.example/mcp?token=hunter2", headers={"Authorization": "hunter2"}
    )
    assert "hunter2" not in repr(server) + repr(server._place)
    assert "hunter2" not in repr(MCPServer.stdio("shop", "x", env={"TOKEN": "hunter2"}))


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from hitl_fsm import MCPServer

    for name in [one for one in sys.modules if one.startswith("hitl_fsm.adapters.mcp.session")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SettingsError, match="HF701") as error:
        MCPServer.stdio("shop", "x").tools()
    assert error.value.help == "pip install 'hitl-fsm[mcp]'"


@pytest.mark.slow
def test_no_server_outlives_the_process_that_started_it(servers: Servers) -> None:
    code = f"""
import sys
from hitl_fsm import MCPServer
server = MCPServer.stdio("shop", sys.executable, [{str(PROGRAM)!r}, "stdio"], env={servers.environment!r})
print(len(server.tools()), flush=True)
import subprocess, os
listed = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True)
print(*(line.split()[0] for line in listed.stdout.splitlines() if "mcp_server.py" in line))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    count, pid = done.stdout.split()
    assert int(count) > 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


@pytest.mark.slow
def test_a_tool_that_is_gone_is_a_clear_error_and_the_answer_stays(house: House, servers: Servers) -> None:
    engine = house.engine(rules(CONFIRM))
    script = [calls(call("shop.look", order_id="1"))]
    run = house.agent(engine, script, tools=[servers.shared("stdio")]).run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    later = house.engine(rules(CONFIRM))
    agent = house.agent(later, script, tools=[servers.server("stdio", exclude=["look"])])
    with pytest.raises(UnknownTool, match=r"shop\.look"):
        agent.continue_run(run_id=run.run_id)
    assert servers.witness == []
