"""What an attacker has of a store, and what can be done to its record with that."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hitl_fsm.audit.chain import GENESIS
from hitl_fsm.audit.checkpoint import Tree, origin_of, write
from hitl_fsm.audit.keys import Signer
from hitl_fsm.audit.tree import EMPTY, dump, extend, root_of

Body = dict[str, Any]


@dataclass
class Loot:
    """What the attacker has: the database, and perhaps the seed of its key, and an older copy of the whole."""

    db: sqlite3.Connection
    seed: bytes = b""
    older: bytes = b""

    def lines(self) -> list[Body]:
        return [json.loads(body) for (body,) in self.db.execute("SELECT body FROM record ORDER BY seq")]

    def size(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM record").fetchone()[0])

    def body(self, seq: int) -> bytes:
        found: bytes = self.db.execute("SELECT body FROM record WHERE seq = ?", (seq,)).fetchone()[0]
        return found

    def a_decision(self) -> int:
        found = self.db.execute(
            "SELECT seq FROM record WHERE instr(body, CAST('requirement_resolved' AS BLOB)) LIMIT 1"
        ).fetchone()
        return int(found[0])

    def rewrite(self, lines: Sequence[Body]) -> None:
        """A record of these lines, numbered and chained as ours are, with its head."""
        self.db.execute("DELETE FROM record")
        prev = GENESIS
        for seq, line in enumerate(lines, 1):
            rest = {name: value for name, value in line.items() if name not in {"seq", "prev"}}
            text = json.dumps({"seq": seq, "prev": prev, **rest}, separators=(",", ":"), ensure_ascii=False)
            leaf = hashlib.sha256(b"\0" + text.encode()).digest()
            prev = leaf.hex()
            row = (seq, line.get("run", ""), text.encode(), leaf)
            self.db.execute("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", row)
        self.db.execute("UPDATE log_head SET seq = ?, leaf = ?", (len(lines), bytes.fromhex(prev)))

    def sign(self, seed: bytes, sizes: Sequence[int] = ()) -> None:
        """Checkpoints of the record as it is, instead of those that there were."""
        leaves = [leaf for (leaf,) in self.db.execute("SELECT leaf FROM record ORDER BY seq")]
        origin = origin_of("default", leaves[0])
        self.db.execute("DELETE FROM checkpoint")
        for size in sizes or (len(leaves),):
            frontier = extend(EMPTY, leaves[:size])
            note = write(Tree(origin, size, root_of(frontier)), [Signer(origin, seed)])
            row = ("default", size, 1, dump(frontier), note)
            self.db.execute("INSERT INTO checkpoint (log, size, at, frontier, note) VALUES (?, ?, ?, ?, ?)", row)

    def unsign(self) -> None:
        self.db.execute("DELETE FROM checkpoint")

    def cut(self, count: int) -> None:
        """The last lines, with the head, the checkpoints and the policies, as if they had never been."""
        kept = self.size() - count
        self.db.execute("DELETE FROM record WHERE seq > ?", (kept,))
        self.db.execute("DELETE FROM checkpoint WHERE size > ?", (kept,))
        (leaf,) = self.db.execute("SELECT leaf FROM record WHERE seq = ?", (kept,)).fetchone()
        self.db.execute("UPDATE log_head SET seq = ?, leaf = ?", (kept, leaf))
        named = {line["data"]["policies"] for line in self.lines() if line["event"] == "policies_activated"}
        for (digest,) in self.db.execute("SELECT digest FROM policy_set").fetchall():
            if digest not in named:
                self.db.execute("DELETE FROM policy_set WHERE digest = ?", (digest,))

    def quiet(self) -> list[int]:
        """The lines after which no run was under way: of what was cut off there, no run misses its row."""
        under_way, found = set[str](), list[int]()
        for line in self.lines():
            if line["event"] == "run_created":
                under_way.add(line["run"])
            elif line["event"] == "run_done":
                under_way.remove(line["run"])
            if not under_way:
                found.append(line["seq"])
        return found

    def cut_to_a_checkpoint(self) -> None:
        sizes = {size for (size,) in self.db.execute("SELECT size FROM checkpoint")} - {self.size()}
        self.cut(self.size() - max(sizes.intersection(self.quiet())))

    def cut_beyond_a_checkpoint(self) -> None:
        sizes = {size for (size,) in self.db.execute("SELECT size FROM checkpoint")}
        self.cut(self.size() - max(set(self.quiet()) - sizes))
