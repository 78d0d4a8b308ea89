"""Who can write the whole database attacks its record. What is seen without a key, with the key, and with an anchor.

The table is the promise of docs/how-to/verify-the-record.md.
"""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from acceptance.shell import Shell
from hitl_fsm.adapters.store import open_store
from hitl_fsm.audit import bundle
from hitl_fsm.audit.findings import Report
from hitl_fsm.audit.keys import read_signer, read_verifier
from hitl_fsm.audit.verify import Anchor
from hitl_fsm.errors import Tampered
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import Asked, verified
from house import House, call, calls, policies, policy_text
from laws import record_attacks as attacks
from laws import row_attacks
from laws.loot import Loot
from laws.record_attacks import Attack

FLIPS = 400
INTACT, TAMPERED, INCOMPLETE = "intact", "tampered", "incomplete"

DATABASE: dict[Attack, tuple[str, str]] = {
    attacks.edit: (TAMPERED, TAMPERED),
    attacks.edit_and_hash: (TAMPERED, TAMPERED),
    attacks.edit_and_chain: (TAMPERED, TAMPERED),
    attacks.edit_chain_unsign: (TAMPERED, TAMPERED),
    attacks.edit_without_any_key: (INCOMPLETE, TAMPERED),
    attacks.edit_chain_resign_own: (TAMPERED, TAMPERED),
    attacks.own_key_from_the_start: (INTACT, TAMPERED),
    attacks.delete: (TAMPERED, TAMPERED),
    attacks.delete_and_chain: (TAMPERED, TAMPERED),
    attacks.reorder: (TAMPERED, TAMPERED),
    attacks.reorder_and_chain: (TAMPERED, TAMPERED),
    attacks.insert_and_chain: (TAMPERED, TAMPERED),
    attacks.hide_before_the_first: (TAMPERED, TAMPERED),
    attacks.hide_at_the_least_number: (TAMPERED, TAMPERED),
    attacks.truncate: (TAMPERED, TAMPERED),
    attacks.truncate_with_head: (TAMPERED, TAMPERED),
    attacks.truncate_beyond_a_checkpoint: (INCOMPLETE, INCOMPLETE),
    attacks.truncate_to_a_checkpoint: (INTACT, INTACT),
    attacks.truncate_in_a_run: (TAMPERED, TAMPERED),
    attacks.roll_back: (INTACT, INTACT),
    attacks.swap_runs: (TAMPERED, TAMPERED),
    attacks.swap_runs_in_lines: (TAMPERED, TAMPERED),
    attacks.alter_policies: (TAMPERED, TAMPERED),
    attacks.alter_policies_and_digest: (TAMPERED, TAMPERED),
    attacks.drop_policies: (TAMPERED, TAMPERED),
    attacks.alter_a_checkpoint: (TAMPERED, TAMPERED),
    attacks.alter_a_checkpoint_note: (TAMPERED, TAMPERED),
    attacks.alter_a_frontier: (TAMPERED, TAMPERED),
    attacks.add_a_checkpoint: (TAMPERED, TAMPERED),
    attacks.forge_a_tail: (TAMPERED, TAMPERED),
    attacks.forge_a_tail_with_head: (TAMPERED, TAMPERED),
    attacks.forge_a_step_with_head: (INCOMPLETE, INCOMPLETE),
    attacks.forge_many_steps_with_head: (TAMPERED, TAMPERED),
    attacks.forge_a_tail_under_an_own_key: (INCOMPLETE, INCOMPLETE),
    attacks.edit_what_is_not_signed_any_more: (TAMPERED, TAMPERED),
    attacks.wipe: (INCOMPLETE, TAMPERED),
    attacks.forge_a_tail_and_sign_it: (TAMPERED, TAMPERED),
    attacks.double_a_number: (TAMPERED, TAMPERED),
    attacks.change_the_head: (TAMPERED, TAMPERED),
    attacks.spoil_the_head: (TAMPERED, TAMPERED),
    attacks.blank_bodies: (TAMPERED, TAMPERED),
    attacks.change_the_key: (TAMPERED, TAMPERED),
    attacks.spoil_the_types: (TAMPERED, TAMPERED),
    attacks.spoil_a_text: (TAMPERED, TAMPERED),
}
"""With nothing but the database to hold it against, and with the key that one was given.

Of each the rows that the engine acts by are gone, too, so that they cannot speak for what the record was.
"""

ROWS: tuple[Attack, ...] = (
    row_attacks.turn_an_answer,
    row_attacks.put_another_answer,
    row_attacks.put_it_on_somebody_else,
    row_attacks.forge_a_question_with_its_answer,
    row_attacks.forge_a_grant,
)
"""What is done to these rows and not to the record."""

WITH_THE_KEYS: dict[Attack, str] = {
    attacks.edit_chain_resign: INTACT,
    attacks.delete_chain_resign: INTACT,
    attacks.truncate_and_resign: INTACT,
}
"""Who has the keys file, too, signs what they like: nothing inside the store can tell."""

NOT_FROM_THE_ANCHOR = {attacks.forge_a_step_with_head, attacks.forge_a_tail_under_an_own_key}
"""What an anchor adds nothing to: it is seen as incomplete, anchored or not."""


@dataclass
class Scene:
    """A record that the engine made, closed; an older copy of it; what an auditor keeps elsewhere."""

    folder: Path
    key: str
    seed: bytes
    older: bytes
    anchors: tuple[bytes, ...]

    def copy(self, into: Path) -> Path:
        into.mkdir(exist_ok=True)
        path = into / "hitl.db"
        path.write_bytes((self.folder / "scene.db").read_bytes())
        return path


def snapshot(folder: Path, name: str) -> bytes:
    with closing(sqlite3.connect(folder / "hitl.db")) as db, closing(sqlite3.connect(folder / name)) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return (folder / name).read_bytes()


def work(house: House, rules: str) -> None:
    engine = house.engine(policies(policy_text(rules)))
    for amount in range(2):
        agent = house.agent(engine, [calls(call("pay", to="bob", amount=amount + 1))])
        run = agent.run("go", user="alice")
        run.active_requirements[0].confirm(by="alice")
        agent.continue_run(run)
        house.clock.advance(60_000)
    engine.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    house = House(folder)
    work(house, "- {id: all, gate: confirm}")
    older = snapshot(folder, "older.db")
    early = newest(folder / "older.db")
    work(house, "- {id: each, gate: confirm}")
    snapshot(folder, "scene.db")
    texts = re.findall(r"PRIVATE\+KEY\+[^\s\"]+", (folder / "hitl.db.keys").read_text())
    report = look(folder / "scene.db")
    assert report.verdict == INTACT, report
    return Scene(folder, report.keys[0], read_signer(texts[-1]).seed, older, (early, newest(folder / "scene.db")))


def newest(path: Path) -> bytes:
    store = open_store(f"sqlite:///{path}")
    found = run_sync(store.newest_checkpoint())
    run_sync(store.close())
    assert found is not None
    return found.note


def look(path: Path, key: str = "", anchors: tuple[bytes, ...] = ()) -> Report:
    store = open_store(f"sqlite:///{path}")
    try:
        held = tuple(Anchor(f"anchor {at}", note) for at, note in enumerate(anchors))
        return verified(store, Asked((read_verifier(key),) if key else (), held))
    finally:
        run_sync(store.close())


@pytest.fixture
def attacked(scene: Scene, tmp_path: Path) -> Callable[[Attack, bool], Path]:
    def attack(what: Attack, stolen: bool) -> Path:
        path = scene.copy(tmp_path / "db")
        with closing(sqlite3.connect(path)) as db:
            loot = Loot(db, scene.seed if stolen else b"", scene.older)
            what(loot)
            if what not in ROWS:
                attacks.drop_the_rows(loot)
            db.commit()
        return path

    return attack


@pytest.mark.parametrize("attack", DATABASE, ids=lambda one: one.__name__)
def test_who_writes_the_database_is_seen_as_the_table_says(
    scene: Scene, attacked: Callable[[Attack, bool], Path], attack: Attack
) -> None:
    path = attacked(attack, False)
    alone, with_key = DATABASE[attack]
    assert look(path).verdict == alone
    assert look(path, scene.key).verdict == with_key
    seen = look(path, scene.key, scene.anchors)
    assert seen.verdict == (INCOMPLETE if attack in NOT_FROM_THE_ANCHOR else TAMPERED), seen


@pytest.mark.parametrize("attack", ROWS, ids=lambda one: one.__name__)
def test_rows_that_say_something_else_than_the_record_are_seen(
    attacked: Callable[[Attack, bool], Path], attack: Attack
) -> None:
    report = look(attacked(attack, False))
    assert (report.verdict, {one.kind for one in report.findings}) == (TAMPERED, {"answer"}), report


@pytest.mark.parametrize("attack", WITH_THE_KEYS, ids=lambda one: one.__name__)
def test_who_has_the_keys_too_is_seen_by_an_anchor_alone(
    scene: Scene, attacked: Callable[[Attack, bool], Path], attack: Attack
) -> None:
    path = attacked(attack, True)
    assert look(path).verdict == look(path, scene.key).verdict == WITH_THE_KEYS[attack]
    assert look(path, anchors=scene.anchors).verdict == TAMPERED


def test_who_has_the_keys_may_add_lines_and_nobody_can_tell(
    scene: Scene, attacked: Callable[[Attack, bool], Path]
) -> None:
    path = attacked(attacks.forge_a_tail_and_sign_it, True)
    assert look(path, scene.key, scene.anchors).verdict == INTACT


def test_a_line_beyond_the_end_is_told_as_one(scene: Scene, attacked: Callable[[Attack, bool], Path]) -> None:
    found = look(attacked(attacks.forge_a_tail, False)).findings
    assert any(one.kind == "end" and "goes on beyond line" in one.what for one in found), found


def test_each_attack_has_a_row() -> None:
    every = [*vars(attacks).values(), *vars(row_attacks).values()]
    made = {one for one in every if callable(one) and "_attacks" in getattr(one, "__module__", "")}
    made = {one for one in made if list(getattr(one, "__annotations__", {})) == ["loot", "return"]} - {attacks.edited}
    assert made - {attacks.drop_the_rows} == {*DATABASE, *WITH_THE_KEYS, *ROWS}


def test_an_honest_record_is_intact_however_it_is_looked_at(scene: Scene) -> None:
    path = scene.folder / "scene.db"
    for report in (look(path), look(path, scene.key), look(path, scene.key, scene.anchors)):
        assert (report.verdict, report.findings) == (INTACT, ())
    assert report.anchors == 2


@pytest.mark.parametrize("attack", [attacks.forge_a_tail_with_head, attacks.forge_many_steps_with_head])
def test_the_engine_signs_no_lines_that_nobody_who_signs_can_have_written(
    scene: Scene, attacked: Callable[[Attack, bool], Path], attack: Attack
) -> None:
    path = attacked(attack, False)
    shutil.copy2(scene.folder / "hitl.db.keys", f"{path}.keys")
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(Tampered, match=r"nobody signed this|without a signature"):
        run_sync(store.sign())
    with pytest.raises(Tampered):
        run_sync(store.append([Record("record_read", 1, ENGINE, "", {"what": "x"})]))
    run_sync(store.close())
    assert look(path).verdict == TAMPERED


NOT_EXPORTED = {"wipe", "policies", "head", "runs", "frontier", "types", "text"}
EXPORTED = [one for one in DATABASE if not NOT_EXPORTED & {*one.__name__.split("_")}]
"""What an export has something of: no heads, no rows' runs, no texts of policies, of checkpoints the newest one."""

INCOMPLETE_IN_AN_EXPORT = {
    *(attacks.forge_a_tail, attacks.forge_a_tail_with_head, attacks.forge_a_step_with_head, attacks.blank_bodies),
    attacks.forge_many_steps_with_head,
}
"""Whether lines beyond its checkpoint were signed later, or pruned since, an export cannot know."""

SEEN_IN_THE_STORE_ALONE = {attacks.alter_a_checkpoint, attacks.alter_a_checkpoint_note, attacks.add_a_checkpoint}


@pytest.mark.parametrize(
    "attack",
    [*EXPORTED, attacks.forge_a_tail_with_head, attacks.forge_a_step_with_head, attacks.swap_runs_in_lines],
    ids=lambda one: one.__name__,
)
def test_the_program_beside_an_export_sees_what_it_has(
    scene: Scene, attacked: Callable[[Attack, bool], Path], attack: Attack, tmp_path: Path
) -> None:
    folder = exported(attacked(attack, False), scene, tmp_path / "out")
    seen = subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py", "--key", scene.key],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not seen.stderr
    if attack in SEEN_IN_THE_STORE_ALONE:
        assert seen.returncode == 0, seen.stdout
    else:
        assert seen.returncode == (2 if attack in INCOMPLETE_IN_AN_EXPORT else 1), seen.stdout


def exported(path: Path, scene: Scene, folder: Path) -> Path:
    """As an export would be made of it: whatever lines there are, the newest checkpoint, the anchors."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT body, leaf FROM record ORDER BY seq").fetchall()
        note = db.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    lines = b"".join(bundle.row(bytes(body), bytes(leaf)) for body, leaf in rows)
    sealed = bundle.Sealed(note[0] if note else scene.anchors[-1], scene.key)
    folder.mkdir()
    for name, data in {bundle.LINES: lines, **bundle.files(sealed, anchor=b"".join(scene.anchors))}.items():
        (folder / name).write_bytes(data)
    return folder


FLIPPED = {
    "record": ("seq", ("seq", "run_id", "body", "leaf")),
    "log_head": ("id", ("seq", "leaf", "name")),
    "checkpoint": ("id", ("log", "size", "frontier", "note")),
    "policy_set": ("id", ("digest", "text")),
}
"""Columns that are verified. The times beside a checkpoint and beside a text of policies are nobody's evidence."""


def test_one_bit_anywhere_is_seen(scene: Scene, tmp_path: Path) -> None:
    chance = random.Random(20_251)
    path = scene.copy(tmp_path / "db")
    missed, tried = [], 0
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for _ in range(FLIPS):
            table = chance.choice([*FLIPPED, "record", "record", "checkpoint"])
            key, columns = FLIPPED[table]
            column = chance.choice(columns)
            row = chance.choice(db.execute(f"SELECT {key} FROM {table}").fetchall())[0]
            before = db.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (row,)).fetchone()[0]
            after = flipped(before, chance)
            if after is None:
                continue
            done = db.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {key} = ?", (after, row))
            if done.rowcount != 1:
                continue  # another row has that number
            tried += 1
            if look(path).verdict == INTACT:
                missed.append((table, column, row, before, after))
            if column == key:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (before, after))
            else:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (before, row))
    assert look(path).verdict == INTACT
    assert missed == []
    assert tried > FLIPS * 3 // 4


def flipped(value: object, chance: random.Random) -> object:
    """With one bit the other way round; a text that is none any more comes as bytes."""
    if isinstance(value, int):
        return value ^ 1 << chance.randrange(20)
    data = bytearray(value if isinstance(value, bytes) else str(value).encode())
    if not data:
        return None
    at = chance.randrange(len(data) * 8)
    data[at // 8] ^= 1 << at % 8
    if isinstance(value, bytes):
        return bytes(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return bytes(data)


@pytest.mark.parametrize(
    ("attack", "code"),
    [(attacks.edit, 1), (attacks.forge_a_step_with_head, 2), (attacks.roll_back, 0), (attacks.spoil_a_text, 1)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_the_command_says_it_by_its_exit(
    scene: Scene, attacked: Callable[[Attack, bool], Path], attack: Attack, code: int, tmp_path: Path
) -> None:
    path = attacked(attack, False)
    (tmp_path / "anchor").write_bytes(b"".join(scene.anchors))
    shell = Shell(tmp_path)
    told = shell("--store", f"sqlite:///{path}", "audit", "verify")
    assert told.code == code, told
    several = shell("--store", f"sqlite:///{path}", "audit", "verify", "--jobs", "2")
    assert (several.code, several.out) == (told.code, told.out)
    anchored = shell("--store", f"sqlite:///{path}", "audit", "verify", "--key", scene.key, "--anchor", "anchor")
    assert anchored.code == (2 if attack in NOT_FROM_THE_ANCHOR else 1), anchored
