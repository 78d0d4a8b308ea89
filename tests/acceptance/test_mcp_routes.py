"""A real MCP server carries external calls out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import MCPServer
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.dispatch import Failed, Handover, NotBegun, Refused, Returned, Unknown
from hitl_fsm.routes import MCP
from house import House, call, calls
from mcp_servers import Servers

OUT = "- {id: out, tools: [pay], gate: {external: {route: shop}}}"


def given(tool: str, **args: Any) -> Handover:
    return Handover("req_1-0001", "run_1", "c1", tool, args, "d", "run_1:c1:1", "dispatch:req_1-0001", 1)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("mcp"))
    yield made
    for one in made.made:
        one.close()
    made.stop()


@pytest.fixture
def server(servers: Servers) -> MCPServer:
    return servers.shared("stdio")


async def test_what_a_server_returns_fails_asks_or_does_not_have(server: MCPServer) -> None:
    route = MCP(server)
    assert await route.hand_over(given("pay", to="bob", amount=5.0)) == Returned({"result": "paid 5.0 to bob"})
    assert await MCP(server, "weather").hand_over(given("pay", city="Rome")) == Returned(
        {"city": "Rome", "celsius": 21.5}
    )
    assert await route.hand_over(given("key")) == Returned({"result": "run_1:c1:1"})
    assert type(await route.hand_over(given("broken", reason="no money"))) is Failed
    assert type(await route.hand_over(given("nothing_of_the_kind"))) is Refused
    assert type(await route.hand_over(given("remove", path="/x"))) is Unknown
    assert type(await MCP(server, timeout=0.2).hand_over(given("slow", seconds=5))) is Unknown


async def test_a_server_that_cannot_be_started_did_not_begin() -> None:
    route = MCP(MCPServer.stdio("gone", "/no/such/program"))
    assert type(await route.hand_over(given("pay"))) is NotBegun


def test_a_run_goes_through_it(server: MCPServer, tmp_path: Path) -> None:
    house = House(tmp_path)
    engine = house.engine(OUT, routes={"shop": MCP(server)})
    script = [calls(call("pay", to="bob", amount=5)), {"say": "{last_result}"}]
    house.agent(engine, script).run("go", user="alice")
    assert [one.run.output for one in engine.continue_ready() if one.run] == ['{"result":"paid 5.0 to bob"}']
    assert house.effects == []
    engine.close()


def test_it_takes_a_server() -> None:
    with pytest.raises(SettingsError):
        MCP("bank")  # type: ignore[arg-type]
