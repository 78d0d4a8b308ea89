"""`unapproved-effects` where the policies ask an id of which no line says whose it is: told, and nobody is accused."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_effects_without_a_word import Told, authorised, resolved
from test_trusted_answers import put
from test_who_was_asked import history, opened, voted

from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync

pytestmark = pytest.mark.any_line

EVE, CID = Actor("x", person="eve"), Actor("x", person="cid")
ANN_IS_CID = voted(Actor("ann", person="cid"), name="req_0")
ANN_IS_BOB = voted(Actor("ann", person="bob"), name="req_0")
SAID: dict[str, tuple[list[Told], Actor, list[Told], list[str]]] = {
    "another id of the person, that never acted": ([], EVE, [], ["eve for ann"]),
    "the id itself": ([], Actor("ann"), [], []),
    "an id of the person of that name": ([], Actor("x", person="ann"), [], []),
    "an id that acted before as this person's": ([ANN_IS_CID], CID, [], []),
    "an id that acts later as this person's": ([], CID, [ANN_IS_CID], []),
    "an id that acts later as another's": ([], CID, [ANN_IS_BOB], ["cid for ann"]),
}


@pytest.mark.parametrize("name", SAID)
def test_who_counts_as_an_id_that_no_line_knows_is_told_and_not_accused(tmp_path: Path, name: str) -> None:
    before, by, after, told = SAID[name]
    asked = [opened("user:ann", name="req_0"), *before, opened("user:ann"), resolved(by)]
    story = [*history([*asked, authorised(by.person or by.id)]), *after]
    store = open_store(f"sqlite:///{tmp_path / 'alone.db'}")
    lines = [Record(event, 1_000 + at, one, "run_1", data) for at, (event, one, data) in enumerate(story)]
    run_sync(store.append(lines))
    answer = put(store, "unapproved-effects")
    run_sync(store.close())
    assert answer.rows == ()
    said = [one.rpartition(": ")[2] for note in answer.notes for one in note.split("; ") if "whose they are" in one]
    assert said == told
