"""What somebody does to the rows that the engine acts by, and leaves the record as it is."""

from __future__ import annotations

from laws.loot import Loot


def turn_an_answer(loot: Loot) -> None:
    loot.db.execute("UPDATE requirement SET state = 'rejected' WHERE id = 1")


def put_another_answer(loot: Loot) -> None:
    loot.db.execute('UPDATE requirement SET body = replace(body, \'{"type":"approve"}\', \'{"type":"reject"}\')')


def put_it_on_somebody_else(loot: Loot) -> None:
    old, new = '"by":{"id":"alice"}', '"by":{"id":"carol"}'
    loot.db.execute("UPDATE requirement SET body = replace(body, ?, ?)", (old, new))


def forge_a_question_with_its_answer(loot: Loot) -> None:
    loot.db.execute(
        "INSERT INTO requirement (requirement_id, run_id, call_id, kind, state, digest, bound, body, agent)"
        " SELECT 'req_forged', run_id, call_id, kind, state, digest, bound, body, agent FROM requirement LIMIT 1"
    )


def forge_a_grant(loot: Loot) -> None:
    """Nobody would ever be asked again."""
    columns = "grant_id, tool, agent, state, uses, used, until, budget, spent, body"
    row = ("grt_forged", "pay", "helper", "active", 1000, 0, 2**52, "0", "0", b"{}")
    loot.db.execute(f"INSERT INTO permission ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
