"""`policy-flips` finds a set that comes back, however many sets were in force in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_trusted_answers import put

from hitl_fsm.adapters.store import open_store
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync

pytestmark = pytest.mark.any_line
STRICT, LOOSE, OTHER, LAST = (letter * 64 for letter in "abcd")
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("sets", "flips"),
    [
        ((STRICT, LOOSE, STRICT), [(STRICT, LOOSE, 1)]),
        ((STRICT, LOOSE, OTHER, STRICT), [(STRICT, LOOSE, 2)]),
        ((STRICT, LOOSE, OTHER, LOOSE, STRICT), [(STRICT, LOOSE, 2), (LOOSE, OTHER, 1)]),
        ((STRICT, LOOSE, LOOSE, LAST), []),
        ((STRICT, STRICT), []),
        ((STRICT, *([LOOSE] + [OTHER] * 200), STRICT), []),  # after more than a week
    ],
)
def test_a_set_that_comes_back_is_found(
    tmp_path: Path, sets: tuple[str, ...], flips: list[tuple[str, str, int]]
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'sets.db'}")
    by = Actor("nora", authenticated_by="oidc:sso")
    lines = [Record("policies_activated", HOUR * at, by, data={"policies": one}) for at, one in enumerate(sets)]
    run_sync(store.append(lines))
    rows = put(store, "policy-flips").rows
    run_sync(store.close())
    assert [(row[6], row[7], row[11]) for row in rows] == flips
