"""What somebody does to a record who can write its database: each attack as a function of a connection."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable

from hitl_fsm.audit.checkpoint import origin_of
from hitl_fsm.audit.keys import Signer, Verifier, verifier_of
from laws.loot import Body, Loot

MALLORY = b"m" * 32


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
