"""The other side of `growth.py --peer`: the same run in a library that rewrites its run as one blob.

It is run by another interpreter, which has Agno with its SQLite store, and imports nothing of this project. Its first
argument is the database, its second how many gated calls there are. Then each line that it reads is a step to take,
`kept` or `anew`, and it answers each with a line of JSON: what the step took, measured here as `growth.py` measures its
own. Its store is put into WAL with `synchronous=NORMAL`, like the two beside it.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.tools import tool
from sqlalchemy import event

RUN = "run"
KIB = 1024


def send(to: str, amount: int) -> str:
    """Transfer an amount to someone."""
    return f"sent {amount} to {to}"


class Script(Model):
    """Asks for `transfer` as often as there are rounds, then ends; the n-th reply is that to n assistant messages."""

    def __init__(self, rounds: int) -> None:
        super().__init__(id="script", name="Script", provider="script")
        self.rounds = rounds

    def invoke(self, messages: list[Any], **_: Any) -> Any:
        said = sum(message.role == "assistant" for message in messages)
        reply = ModelResponse(role="assistant")
        if said >= self.rounds:
            reply.content = "end"
            return reply
        arguments = json.dumps({"to": "bob", "amount": said})
        function = {"name": "transfer", "arguments": arguments}
        reply.tool_calls = [{"id": f"c{said}", "type": "function", "function": function}]
        return reply

    async def ainvoke(self, messages: list[Any], **_: Any) -> Any:
        return self.invoke(messages)

    def invoke_stream(self, messages: list[Any], **_: Any) -> Any:
        yield self.invoke(messages)

    async def ainvoke_stream(self, messages: list[Any], **_: Any) -> Any:
        yield self.invoke(messages)

    def _parse_provider_response(self, response: Any, **_: Any) -> Any:
        return response

    def _parse_provider_response_delta(self, response: Any) -> Any:
        return response


class Peer:
    """An agent and its store, built as an application builds them."""

    def __init__(self, path: str, model: Script) -> None:
        self.store = SqliteDb(db_file=path)
        event.listen(self.store.db_engine, "connect", _pragmas)
        gated = tool(requires_confirmation=True, name="transfer")(send)
        self.agent = Agent(id="bench", model=model, tools=[gated], db=self.store, telemetry=False)

    def start(self) -> None:
        self.agent.run("go", run_id=RUN, session_id=RUN)

    def resume(self) -> Any:
        """As an application that holds nothing but the id: look, answer what waits, continue."""
        run = self.agent.get_run_output(run_id=RUN, session_id=RUN)
        for requirement in run.active_requirements:
            requirement.confirm()
        done = self.agent.continue_run(run_id=RUN, session_id=RUN, requirements=run.requirements)
        return "paused" if done.is_paused else done.content

    def close(self) -> None:
        self.store.close()


def _pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("pragma journal_mode=WAL")
    cursor.execute("pragma synchronous=NORMAL")
    cursor.close()


def written() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("wchar"):
            return int(line.split(":")[1])
    return 0


def main() -> None:
    path, rounds = sys.argv[1], int(sys.argv[2])
    model = Script(rounds)
    kept = Peer(path, model)
    kept.start()

    def anew() -> Any:
        peer = Peer(path, model)
        came_to = peer.resume()
        peer.close()
        return came_to

    print(json.dumps({"name": f"agno {version('agno')}"}), flush=True)
    for line in sys.stdin:
        bytes_before, cpu, before = written(), time.process_time(), time.perf_counter()
        came_to = anew() if line.strip() == "anew" else kept.resume()
        ms, cpu_ms = (time.perf_counter() - before) * 1e3, (time.process_time() - cpu) * 1e3
        took = {"ms": ms, "cpu_ms": cpu_ms, "kib": (written() - bytes_before) / KIB}
        print(json.dumps({**took, "came_to": came_to}), flush=True)
    kept.close()


if __name__ == "__main__":
    main()
