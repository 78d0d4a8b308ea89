"""What was altered beneath a store is not signed on, by who opens it and by who takes turns with another process."""

from __future__ import annotations

from pathlib import Path

import pytest
from kinds import FileKind
from signed_places import Place, line

from hitl_fsm.adapters.store import signing
from hitl_fsm.audit.keys import is_own
from hitl_fsm.errors import KeysError, Tampered


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes: nothing is signed because of its age."""
    monkeypatch.setattr(signing, "_now", lambda: 1_750_000_000_000)


DAMAGES = [
    "DELETE FROM record WHERE seq > 3",
    "UPDATE checkpoint SET frontier = substr(frontier, 1, 8)",
    "UPDATE checkpoint SET size = size + 100",
    "UPDATE checkpoint SET size = size - 1",
    "UPDATE checkpoint SET note = frontier",
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_was_altered_is_not_signed_on(tmp_path: Path, damage: str) -> None:
    place = Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    store = place.open()
    await store.append([line()] * 5 + [line("requirement_resolved")])
    await store.append([line("requirement_resolved")])
    await store.close()
    await place.kind.sql(damage)
    if damage.startswith("DELETE"):
        await place.kind.sql("UPDATE log_head SET seq = 3, leaf = (SELECT leaf FROM record WHERE seq = 3)")
    before = await place.bodies()
    again = place.open()
    with pytest.raises((KeysError, Tampered)):
        await again.append([line("requirement_resolved")])
    assert await place.bodies() == before
    await again.close()


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_was_altered_between_two_turns_is_not_signed_on(tmp_path: Path, damage: str) -> None:
    """Whoever signed the newest checkpoint itself does not take it for what it was."""
    place = Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    store, other = place.open(), place.open()
    await store.append([line()] * 5 + [line("requirement_resolved")])
    await other.append([line()])
    await place.kind.sql(damage)
    if damage.startswith("DELETE"):
        await place.kind.sql("UPDATE log_head SET seq = 3, leaf = (SELECT leaf FROM record WHERE seq = 3)")
    before = await place.bodies()
    with pytest.raises((KeysError, Tampered)):
        await store.append([line("requirement_resolved")])
    assert await place.bodies() == before
    await store.close()
    await other.close()


@pytest.mark.usefixtures("still")
async def test_a_checkpoint_is_verified_once_by_who_takes_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a store signed itself, or has verified already, costs nothing more; what another one signed is verified."""
    place = Place(FileKind(tmp_path / "hitl.db"), tmp_path / "hitl.db.keys")
    store, other = place.open(), place.open()
    await store.append([line("requirement_resolved")])
    verified: list[bytes] = []

    def counted(seed: bytes, message: bytes, signature: bytes) -> bool:
        verified.append(message)
        return is_own(seed, message, signature)

    monkeypatch.setattr(signing, "is_own", counted)
    for _ in range(3):
        await other.append([line()])
        await store.append([line()])
    assert len(verified) == 1
    await other.append([line("requirement_resolved")])
    await store.append([line()])
    assert len(verified) == 2
    await store.close()
    await other.close()
