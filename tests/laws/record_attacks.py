"""What somebody does to a record who can write its database: each attack as a function of a connection."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_fsm.audit.chain import GENESIS
from hitl_fsm.audit.checkpoint import Tree, origin_of, write
from hitl_fsm.audit.keys import Signer, Verifier, verifier_of
from hitl_fsm.audit.tree import EMPTY, dump, extend, root_of

MALLORY = b"m" * 32
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


def forged(line: Body) -> Body:
    """Somebody else decided."""
    return {**line, "by": {"id": "mallory", "roles": ["finance"]}}


def edited(loot: Loot) -> list[Body]:
    lines, at = loot.lines(), loot.a_decision() - 1
    return [*lines[:at], forged(lines[at]), *lines[at + 1 :]]


def edit(loot: Loot) -> None:
    seq = loot.a_decision()
    body = loot.body(seq).replace(b'"by":{"id":"', b'"by":{"id":"x')
    loot.db.execute("UPDATE record SET body = ? WHERE seq = ?", (body, seq))


def edit_and_hash(loot: Loot) -> None:
    edit(loot)
    seq = loot.a_decision()
    leaf = hashlib.sha256(b"\0" + loot.body(seq)).digest()
    loot.db.execute("UPDATE record SET leaf = ? WHERE seq = ?", (leaf, seq))


def edit_and_chain(loot: Loot) -> None:
    loot.rewrite(edited(loot))


def edit_chain_unsign(loot: Loot) -> None:
    loot.rewrite(edited(loot))
    loot.unsign()


def edit_without_any_key(loot: Loot) -> None:
    """As if the log had never been signed."""
    loot.rewrite([line for line in edited(loot) if line["event"] != "key_added"])
    loot.unsign()


def edit_chain_resign_own(loot: Loot) -> None:
    loot.rewrite(edited(loot))
    loot.sign(MALLORY)


def own_key_from_the_start(loot: Loot) -> None:
    """The whole log anew, with a key of one's own in the line that introduces the first."""
    lines = edited(loot)
    first = bytes.fromhex(hashlib.sha256(loot.body(1)).hexdigest())  # any name would do
    name = origin_of("default", first)
    public = verifier_of(Signer(name, MALLORY)).public
    for at, line in enumerate(lines):
        if line["event"] == "key_added":
            lines[at] = {**line, "data": {"key": Verifier(name, public).text}}
    loot.rewrite(lines)
    loot.sign(MALLORY)


def edit_chain_resign(loot: Loot) -> None:
    """With the stolen key."""
    loot.rewrite(edited(loot))
    loot.sign(loot.seed)


def delete(loot: Loot) -> None:
    loot.db.execute("DELETE FROM record WHERE seq = ?", (loot.a_decision(),))


def delete_and_chain(loot: Loot) -> None:
    lines, at = loot.lines(), loot.a_decision() - 1
    loot.rewrite([*lines[:at], *lines[at + 1 :]])


def delete_chain_resign(loot: Loot) -> None:
    delete_and_chain(loot)
    loot.sign(loot.seed)


def reorder(loot: Loot) -> None:
    at = loot.a_decision()
    loot.db.execute("UPDATE record SET seq = -1 WHERE seq = ?", (at,))
    loot.db.execute("UPDATE record SET seq = ? WHERE seq = ?", (at, at + 1))
    loot.db.execute("UPDATE record SET seq = ? WHERE seq = -1", (at + 1,))


def reorder_and_chain(loot: Loot) -> None:
    lines, at = loot.lines(), loot.a_decision()
    lines[at - 1], lines[at] = lines[at], lines[at - 1]
    loot.rewrite(lines)


def insert_and_chain(loot: Loot) -> None:
    lines, at = loot.lines(), loot.a_decision()
    loot.rewrite([*lines[:at], forged(lines[at - 1]), *lines[at:]])


def hide_before_the_first(loot: Loot) -> None:
    row = (-7, "", loot.body(1), hashlib.sha256(b"\0" + loot.body(1)).digest())
    loot.db.execute("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", row)


def hide_at_the_least_number(loot: Loot) -> None:
    row = (-(2**63), "", b"{}", b"")
    loot.db.execute("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", row)


def truncate(loot: Loot) -> None:
    loot.db.execute("DELETE FROM record WHERE seq > ?", (loot.size() - 3,))


def truncate_with_head(loot: Loot) -> None:
    kept = loot.size() - 3
    truncate(loot)
    (leaf,) = loot.db.execute("SELECT leaf FROM record WHERE seq = ?", (kept,)).fetchone()
    loot.db.execute("UPDATE log_head SET seq = ?, leaf = ?", (kept, leaf))


def truncate_to_a_checkpoint(loot: Loot) -> None:
    loot.cut_to_a_checkpoint()


def truncate_beyond_a_checkpoint(loot: Loot) -> None:
    loot.cut_beyond_a_checkpoint()


def truncate_in_a_run(loot: Loot) -> None:
    loot.cut(3)


def truncate_and_resign(loot: Loot) -> None:
    loot.cut_beyond_a_checkpoint()
    loot.sign(loot.seed)


def roll_back(loot: Loot) -> None:
    older = sqlite3.connect(":memory:")
    older.deserialize(loot.older)
    loot.db.commit()
    older.backup(loot.db)


def swap_runs(loot: Loot) -> None:
    one, other = (run for (run,) in loot.db.execute("SELECT DISTINCT run_id FROM record WHERE run_id <> '' LIMIT 2"))
    for was, now in ((one, "x"), (other, one), ("x", other)):
        loot.db.execute("UPDATE record SET run_id = ? WHERE run_id = ?", (now, was))


def swap_runs_in_lines(loot: Loot) -> None:
    one, other = (run for (run,) in loot.db.execute("SELECT DISTINCT run_id FROM record WHERE run_id <> '' LIMIT 2"))
    other_of = {one: other, other: one}
    lines = loot.lines()
    loot.rewrite([{**line, "run": other_of.get(line["run"], line["run"])} if "run" in line else line for line in lines])


def alter_policies(loot: Loot) -> None:
    loot.db.execute("UPDATE policy_set SET text = replace(text, 'gate: confirm', 'gate: allow')")


def alter_policies_and_digest(loot: Loot) -> None:
    alter_policies(loot)
    loot.db.execute("UPDATE policy_set SET digest = ? WHERE id = 1", ("ab" * 32,))


def drop_policies(loot: Loot) -> None:
    loot.db.execute("DELETE FROM policy_set")


def alter_a_checkpoint(loot: Loot) -> None:
    (size,) = loot.db.execute("SELECT min(size) FROM checkpoint").fetchone()
    loot.db.execute("UPDATE checkpoint SET size = size + 1 WHERE size = ?", (size,))


def alter_a_checkpoint_note(loot: Loot) -> None:
    seq, note = loot.db.execute("SELECT id, note FROM checkpoint ORDER BY size LIMIT 1").fetchone()
    text = note.decode().split("\n")
    text[1] = str(int(text[1]) + 1)
    loot.db.execute("UPDATE checkpoint SET note = ? WHERE id = ?", ("\n".join(text).encode(), seq))


def alter_a_frontier(loot: Loot) -> None:
    loot.db.execute("UPDATE checkpoint SET frontier = zeroblob(length(frontier))")


def add_a_checkpoint(loot: Loot) -> None:
    notes = loot.db.execute("SELECT log, size, at, frontier, note FROM checkpoint").fetchall()
    free = next(size for size in range(1, loot.size()) if size not in {one[1] for one in notes})
    loot.sign(MALLORY, [free])
    loot.db.executemany("INSERT INTO checkpoint (log, size, at, frontier, note) VALUES (?, ?, ?, ?, ?)", notes)


def forge_a_tail(loot: Loot) -> None:
    """A line beyond the end, with the head left where it was."""
    loot.db.execute("SAVEPOINT head")
    head = loot.db.execute("SELECT seq, leaf FROM log_head").fetchone()
    loot.rewrite([*loot.lines(), forged(loot.lines()[loot.a_decision() - 1])])
    loot.db.execute("UPDATE log_head SET seq = ?, leaf = ?", head)


def append(loot: Loot, line: Body) -> None:
    """A line chained to the end, byte for byte as the engine would, and the head moved."""
    seq, leaf = loot.db.execute("SELECT seq, leaf FROM log_head").fetchone()
    rest = {name: value for name, value in line.items() if name not in {"seq", "prev"}}
    body = json.dumps({"seq": seq + 1, "prev": leaf.hex(), **rest}, separators=(",", ":"), ensure_ascii=False).encode()
    made = hashlib.sha256(b"\0" + body).digest()
    row = (seq + 1, line.get("run", ""), body, made)
    loot.db.execute("INSERT INTO record (seq, run_id, body, leaf) VALUES (?, ?, ?, ?)", row)
    loot.db.execute("UPDATE log_head SET seq = ?, leaf = ?", (seq + 1, made))


def forge_a_tail_with_head(loot: Loot) -> None:
    """A decision at the end."""
    append(loot, forged(loot.lines()[loot.a_decision() - 1]))


def forge_a_step_with_head(loot: Loot) -> None:
    """A line at the end that is nobody's decision: that a call began."""
    append(loot, next(line for line in loot.lines() if line["event"] == "call_started"))


def forge_many_steps_with_head(loot: Loot) -> None:
    """More lines at the end than are ever written without a signature."""
    step = next(line for line in loot.lines() if line["event"] == "call_started")
    for _ in range(300):
        append(loot, step)


def forge_a_tail_under_an_own_key(loot: Loot) -> None:
    """The line that introduces a key whose owner is the forger, a decision, and a checkpoint by that key."""
    notes = loot.db.execute("SELECT log, size, at, frontier, note FROM checkpoint").fetchall()
    name = next(line for line in loot.lines() if line["event"] == "key_added")["data"]["key"].split("+")[0]
    key = verifier_of(Signer(name, MALLORY)).text
    append(loot, {**loot.lines()[1], "event": "key_added", "run": "", "data": {"key": key}})
    forge_a_tail_with_head(loot)
    loot.sign(MALLORY)
    loot.db.executemany("INSERT INTO checkpoint (log, size, at, frontier, note) VALUES (?, ?, ?, ?, ?)", notes)


def edit_what_is_not_signed_any_more(loot: Loot) -> None:
    """All checkpoints after the first one are gone, and what they covered is written anew."""
    lines, at = loot.lines(), loot.a_decision() - 1
    loot.db.execute("DELETE FROM checkpoint WHERE size > (SELECT min(size) FROM checkpoint)")
    loot.rewrite([*lines[:at], forged(lines[at]), *lines[at + 1 :]])


def wipe(loot: Loot) -> None:
    """As if nothing had ever been written."""
    for table in ("record", "log_head", "checkpoint", "policy_set"):
        loot.db.execute(f"DELETE FROM {table}")


def forge_a_tail_and_sign_it(loot: Loot) -> None:
    notes = loot.db.execute("SELECT log, size, at, frontier, note FROM checkpoint").fetchall()
    forge_a_tail_with_head(loot)
    loot.sign(loot.seed or MALLORY)
    loot.db.executemany("INSERT INTO checkpoint (log, size, at, frontier, note) VALUES (?, ?, ?, ?, ?)", notes)


def double_a_number(loot: Loot) -> None:
    """In a table without its key."""
    loot.db.execute("CREATE TABLE other AS SELECT * FROM record")
    at = loot.a_decision()
    loot.db.execute("INSERT INTO other SELECT * FROM record WHERE seq = ?", (at,))
    loot.db.execute("DROP TABLE record")
    loot.db.execute("ALTER TABLE other RENAME TO record")


def change_the_head(loot: Loot) -> None:
    loot.db.execute("UPDATE log_head SET leaf = zeroblob(32)")


def spoil_the_head(loot: Loot) -> None:
    loot.db.execute("UPDATE log_head SET seq = 'x', leaf = 'y'")


def blank_bodies(loot: Loot) -> None:
    loot.db.execute("UPDATE record SET body = x'' WHERE seq = ?", (loot.a_decision(),))


def change_the_key(loot: Loot) -> None:
    lines = loot.lines()
    for at, line in enumerate(lines):
        if line["event"] == "key_added":
            name = line["data"]["key"].split("+")[0]
            lines[at] = {**line, "data": {"key": verifier_of(Signer(name, MALLORY)).text}}
    loot.rewrite(lines)


def spoil_the_types(loot: Loot) -> None:
    loot.db.execute("UPDATE record SET body = 'text', leaf = 7, run_id = x'ff' WHERE seq = 3")


def spoil_a_text(loot: Loot) -> None:
    """A text that is no UTF-8: the driver itself raises when it reads it."""
    loot.db.execute("UPDATE record SET run_id = CAST(x'fffe' AS TEXT) WHERE seq = 3")


def drop_the_rows(loot: Loot) -> None:
    """What the engine keeps of runs is gone, so that nothing of it contradicts a record that was written anew."""
    for table in ("requirement", "call", "event", "run"):
        loot.db.execute(f"DELETE FROM {table}")


Attack = Callable[[Loot], None]
