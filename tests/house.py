"""A house to test in: policies from text, a scripted model, tools that leave a witness, a store on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hitl_fsm import Agent, Engine, ask_user, tool
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.testing import FrozenClock, ScriptedModel
from postgres import sql_at

HEADER = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: {name}
owner: compliance@example.com
description: For a test.
"""


def policy_text(
    rules: str, *, name: str = "pay", tools: str = "[pay, refund, look, ship, note]", extra: str = ""
) -> bytes:
    """A whole policy document around some rules (YAML list items, unindented)."""
    indented = "\n".join("  " + line for line in rules.strip().splitlines())
    return f"{HEADER.format(name=name)}tools: {tools}\n{extra}\nrules:\n{indented}\n".encode()


def policies(*texts: bytes) -> PolicySet:
    """A policy set from texts."""

    def no_file(path: str) -> bytes:
        raise FileNotFoundError(path)

    return load({f"p{index}.policy.yaml": text for index, text in enumerate(texts)}, no_file)


def call(tool_name: str, /, **args: Any) -> dict[str, Any]:
    """One call of a scripted reply."""
    return {"tool": tool_name, "args": args}


def calls(*several: dict[str, Any]) -> dict[str, Any]:
    """A scripted reply that asks for these calls."""
    return {"calls": list(several)}


@dataclass
class House:
    """Each engine it makes stands for a process of its own: nothing is shared but the database file."""

    folder: Path
    effects: list[tuple[Any, ...]] = field(default_factory=list)
    clock: FrozenClock = field(default_factory=FrozenClock)
    engines: list[Engine] = field(default_factory=list)
    actors: dict[str, list[str]] = field(
        default_factory=lambda: {"maria": ["finance"], "frank": ["finance"], "otto": ["ops"]}
    )

    store_url: str = ""

    @property
    def url(self) -> str:
        return self.store_url or f"sqlite:///{self.folder / 'hitl.db'}?synchronous=normal"

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What somebody at the database does, behind the engine's back; `?` is a value."""
        if self.store_url:
            return sql_at(self.store_url, statement.replace("?", "%s"), values)
        with closing(sqlite3.connect(self.folder / "hitl.db")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def jam(self, table: str) -> None:
        """From now on the database refuses to write to a table."""
        if self.store_url:
            body = "BEGIN RAISE EXCEPTION 'disk is full' USING ERRCODE = '53100'; END"
            self.sql(f"CREATE OR REPLACE FUNCTION jam() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
            when = f"BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION jam()"
            self.sql(f"CREATE TRIGGER jam {when}")
            return
        for what in ("INSERT", "UPDATE"):
            broken = "BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            self.sql(f"CREATE TRIGGER jam_{what} BEFORE {what} ON {table} {broken}")

    def unjam(self, table: str) -> None:
        """It writes again."""
        if self.store_url:
            self.sql(f"DROP TRIGGER jam ON {table}")
            return
        for what in ("INSERT", "UPDATE"):
            self.sql(f"DROP TRIGGER jam_{what}")

    def engine(self, rules: str | PolicySet = "- {id: all, gate: confirm}", **options: Any) -> Engine:
        found = rules if isinstance(rules, PolicySet) else policies(policy_text(rules))
        engine = Engine(found, self.url, actors=self.actors, clock=self.clock, **options)
        self.engines.append(engine)
        return engine

    def tools(self) -> list[Any]:
        """`pay`, `refund`, `look`, `ship`, `note` and `ask_user`; each leaves a witness when it really runs."""
        effects = self.effects

        def pay(to: str, amount: float, memo: str = "-") -> str:
            """Send money."""
            effects.append(("pay", to, amount, memo))
            return f"paid {amount} to {to}"

        async def refund(order_id: str, amount: float = 1.0, reason: str | None = None) -> dict[str, Any]:
            """Send money back."""
            effects.append(("refund", order_id, amount, reason))
            return {"refunded": amount}

        def look(order_id: str) -> str:
            """Look an order up."""
            effects.append(("look", order_id))
            return f"order {order_id}"

        def ship(to: str) -> str:
            """Ship it; it never works."""
            effects.append(("ship", to))
            raise RuntimeError("no truck")

        def note(text: str) -> str:
            """Keep a note."""
            effects.append(("note", text))
            return "noted"

        return [tool(fn) for fn in (pay, refund, look, ship, note)] + [ask_user]

    def agent(self, engine: Engine, replies: Sequence[Any], *, tools: list[Any] | None = None, **options: Any) -> Agent:
        model = ScriptedModel([*replies, {"say": "the end"}])
        return Agent("helper", model, engine=engine, tools=self.tools() if tools is None else tools, **options)

    def said_to_model(self, engine: Engine, run_id: str) -> list[str]:
        """The tool results in the conversation, in the order in which the model reads them."""
        from hitl_fsm.core.replay import replay

        _, messages = replay(engine.runs.events(run_id))
        return [m.content for m in messages if m.role == "tool"]

    def records(self, engine: Engine, run_id: str) -> list[str]:
        return [line["event"] for line in engine.runs.timeline(run_id)]
