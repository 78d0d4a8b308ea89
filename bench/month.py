"""A month of made-up history, as real runs write it: chained lines with agents, approvers, tools, amounts, models.

Nothing is executed; the mix is that of an office: most calls are looked up and allowed, some are asked about, a few are
rejected, expire or are lost. The same `seed` gives the same lines.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from hitl_fsm.audit.chain import GENESIS, encode_record, seal_encoded
from hitl_fsm.model.actor import ENGINE, TIMER, Actor
from hitl_fsm.model.record import Record

START = 1_767_225_600_000  # 2026-01-01
MONTH_MS = 30 * 86_400_000
AGENTS = tuple(f"agent-{number:02d}" for number in range(12))
APPROVERS = tuple(
    Actor(f"approver{number:02d}", ("finance",), authenticated_by="oidc:sso", person=f"approver{number:02d}")
    for number in range(40)
)
USERS = tuple(Actor(f"user{number:03d}", authenticated_by="oidc:sso") for number in range(200))
TOOLS = ("pay", "refund", "mail", "deploy")
LOOKS = ("find_order", "read_page", "list_invoices")
MODELS = ("openai/gpt-5", "anthropic/claude-5")
GATE = "1c3fcdf1c2b96843"
CONTENT = "b7" * 32
PAGE = 20_000


class Line(NamedTuple):
    """A stored line, as `ports.RecordLine` has it."""

    seq: int
    body: bytes
    leaf: str


def lines(count: int, seed: int = 7) -> Iterator[Line]:
    """So many chained lines, one run after the other."""
    chance = random.Random(seed)
    seq, leaf = 0, GENESIS
    step = MONTH_MS * 11 // max(1, count)
    run = 0
    while True:
        run += 1
        for record in _run(run, START + run * step, chance):
            if seq == count:
                return
            seq += 1
            contents = dict.fromkeys(record.contents, CONTENT)
            body, leaf = seal_encoded(encode_record(record, contents), seq, leaf)
            yield Line(seq, body, leaf)


def fill(path: Path, count: int, seed: int = 7) -> None:
    """Put them into the (empty) record of a SQLite store that was made before."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        (found,) = connection.execute("SELECT count(*) FROM record").fetchone()
        assert not found, "the record has lines already"
        page: list[tuple[int, str, bytes, bytes]] = []
        last: Line | None = None
        for last in lines(count, seed):
            at = last.body.find(b'"run":"run_')
            run_id = last.body[at + 7 : last.body.index(b'"', at + 7)].decode() if at > 0 else ""
            page.append((last.seq, run_id, last.body, bytes.fromhex(last.leaf)))
            if len(page) == PAGE:
                connection.executemany("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", page)
                page = []
        connection.executemany("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", page)
        if last is not None:
            connection.execute("DELETE FROM log_head WHERE name = 'default'")
            values = (last.seq, bytes.fromhex(last.leaf))
            connection.execute("INSERT INTO log_head (name, seq, leaf) VALUES ('default', ?, ?)", values)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class _Run:
    """The lines of one run, as they come."""

    def __init__(self, number: int, at: int, chance: random.Random) -> None:
        self.id = f"run_{number:018d}"
        self.chance = chance
        self.at = at
        self.agent, self.user = chance.choice(AGENTS), chance.choice(USERS)
        self.policies = _digest("policies", at // (7 * 86_400_000))
        self.made: list[Record] = []

    def tell(self, event: str, by: Actor, data: dict[str, Any], *contents: str) -> None:
        self.made.append(Record(event, self.at, by, self.id, data, dict.fromkeys(contents)))

    def reply(self, turn: int, calls: int) -> None:
        tokens = [self.chance.randint(400, 4_000), self.chance.randint(20, 400)]
        model = MODELS[self.at // (9 * 86_400_000) % 2]
        data = {"turn": turn, "model": model, "calls": calls, "tokens": tokens, "request": _digest(self.id, turn)}
        self.tell("model_replied", ENGINE, {**data, "micro_dollars": tokens[0] * 3}, "text")

    def judged(self, call: str, tool: str, *, gated: bool) -> dict[str, Any]:
        of = {"call": call, "tool": tool, "digest": _digest(self.id, call)}
        looked = [["office", f"rule-{number}", 9 + number, "F", "F", ""] for number in range(3)]
        rule, effect = (f"big-{tool}", "approval of role:finance") if gated else ("rest", "allow")
        reason = {"policy": "office", "rule": rule, "effect": effect, "file": "office.policy.yaml", "line": 9}
        data = {**of, "outcome": "gated" if gated else "allow", "reasons": [reason], "policies": self.policies}
        data["looked"] = [*looked, ["office", rule, 30, "T", "T", ""]]
        if gated:
            data["gates"] = [GATE]
            data["money"] = [{"at": "amount", "minor": self.chance.randint(100, 900_000), "currency": "EUR"}]
        self.tell("call_judged", ENGINE, data, "args")
        return of

    def effect(self, of: dict[str, Any], by: Actor, passes: list[dict[str, Any]]) -> None:
        self.tell("call_authorised", by, {**of, "passes": passes})
        self.at += 40
        self.tell("call_started", ENGINE, {**of, "attempt": 1})
        self.at += self.chance.randint(20, 3_000)
        if self.chance.random() < 0.002:
            self.tell("call_lost", ENGINE, {**of, "attempt": 1})
        else:
            self.tell("call_succeeded", ENGINE, {**of, "attempt": 1}, "result")

    def ask(self, of: dict[str, Any]) -> None:
        requirement = f"req_{self.id.removeprefix('run_')}-0001"
        about = {"requirement": requirement, "kind": "approval", "call": of["call"]}
        asked = {**about, "tool": of["tool"], "digest": of["digest"], "stage": 1, "agent": self.agent}
        flags = {"flags": [{"kind": "near_threshold", "where": "amount"}]} if self.chance.random() < 0.03 else {}
        self.tell("requirement_opened", ENGINE, {**asked, "of": ["role:finance"], "gate": GATE, **flags})
        self.tell("run_paused", ENGINE, {"trigger": "gate_raised"})
        opened, by = self.at, self.chance.choice(APPROVERS)
        self.at += int(self.chance.expovariate(1 / 3_600_000))
        presented = _digest(requirement)
        if self.chance.random() < 0.02:
            closed = {**about, "digest": of["digest"], "waited_ms": self.at - opened}
            self.tell("requirement_expired", TIMER, closed)
            self.tell("call_denied", TIMER, of)
            return
        viewed = {"requirement": requirement, "call": of["call"], "presented": presented, "surface": "cli"}
        self.tell("requirement_viewed", by, viewed, "presentation")
        self.at += int(self.chance.expovariate(1 / 40_000)) + 300
        no = self.chance.random() < 0.07
        answer = {"answer": "reject" if no else "approve", "shown": of["digest"], "presented": presented}
        closed = {**about, "digest": of["digest"], "waited_ms": self.at - opened, **answer}
        self.tell("requirement_rejected" if no else "requirement_resolved", by, closed, "answer")
        if no:
            self.tell("call_denied", by, of)
            return
        self.tell("run_continuing", by, {"trigger": "gates_closed"})
        self.effect(of, by, [{"gate": GATE, "by": [by.id]}])


def _run(number: int, at: int, chance: random.Random) -> list[Record]:
    run = _Run(number, at, chance)
    if number % 500 == 1:
        data = {"policies": run.policies, "files": ["office.policy.yaml"], "default": "deny"}
        run.made.append(Record("policies_activated", at, ENGINE, data=data))
    told = {"kind": "agent", "name": run.agent, "user": run.user.id, "model": "openai/gpt-5", "policies": run.policies}
    run.tell("run_created", run.user, told, "input")
    run.at += 900
    run.reply(1, 1)
    run.effect(run.judged("1.0", chance.choice(LOOKS), gated=False), ENGINE, [])
    if chance.random() < 0.55:
        run.at += 900
        run.reply(2, 1)
        run.ask(run.judged("2.0", chance.choice(TOOLS), gated=True))
    run.at += 900
    run.reply(3, 0)
    run.tell("run_done", ENGINE, {"trigger": "finished"})
    return run.made
