"""`Engine(actors="…")`: roles files as who is who, and what happens when they change under it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters import people as files
from hitl_fsm.adapters.people import PeopleFiles, people_source
from hitl_fsm.errors import PolicyError, SettingsError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.policy.people import Directory
from hitl_fsm.testing import FrozenClock, MemoryStore

HEAD = "apiVersion: hitl-fsm/v1\nkind: Roles\n"
ONE = HEAD + "people: {maria: {name: Maria López, identities: os:1001}}\nroles: {finance: {members: maria}}\n"
LONG_AGO = 1_000_000_000


class Heard:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def is_heard(self) -> bool:
        return True

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        self.lines.append((event, {"level": level, **fields}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "PAUSE_PER_LOOK", 0)
    write(tmp_path / "a.roles.yaml", ONE)
    return tmp_path


def write(path: Path, text: str, *, at: float = LONG_AGO) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))


def roles_of(people: Any, name: str = "maria") -> tuple[str, ...]:
    return people().actor(name, 0).roles  # type: ignore[no-any-return]


def test_an_engine_takes_a_file_a_folder_or_a_directory(folder: Path) -> None:
    for given in (folder, str(folder), folder / "a.roles.yaml", PeopleFiles([str(folder)], None, Heard())()):
        engine = Engine(store=MemoryStore(), actors=given, clock=FrozenClock())
        found = engine.actor("os:1001", ENGINE)
        assert (found.id, found.person, found.printed_name) == ("os:1001", "maria", "Maria López")
        assert found.roles == ("finance",)
        assert engine.parts.person("os:1001") == "maria"
        assert engine.parts.people is not None
        engine.close()


def test_roles_files_beside_the_policies_count_only_if_they_are_named(folder: Path) -> None:
    engine = Engine(store=MemoryStore(), actors=None)
    assert engine.parts.people is None
    assert (engine.parts.person("os:1001"), engine.actor("maria", ENGINE).roles) == ("os:1001", ())
    engine.close()


UNKNOWN = f"{HEAD}people: {{a: {{}}}}\nroles: {{r: {{members: b}}}}"


@pytest.mark.parametrize("text", ["", "kind: Roles", f"{HEAD}roles: {{r: {{members: 5}}}}", UNKNOWN])
def test_what_does_not_load_is_no_engine(folder: Path, text: str) -> None:
    write(folder / "a.roles.yaml", text)
    with pytest.raises(PolicyError):
        Engine(store=MemoryStore(), actors=folder)


def test_a_folder_without_a_roles_file_or_a_file_of_another_name_is_no_engine(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_text(ONE, encoding="utf-8")
    for path in (tmp_path, tmp_path / "people.yaml", tmp_path / "none.roles.yaml"):
        with pytest.raises(PolicyError):
            Engine(store=MemoryStore(), actors=path)


def test_reload_may_name_a_time_for_roles_alone(folder: Path) -> None:
    Engine(store=MemoryStore(), actors=folder, reload=0.5).close()
    with pytest.raises(SettingsError):
        Engine(store=MemoryStore(), reload=0.5)


def test_what_changed_is_taken_over(folder: Path) -> None:
    heard = Heard()
    people = people_source(folder, 0.0, heard)
    assert roles_of(people) == ("finance",)
    write(folder / "b.roles.yaml", HEAD + "roles: {cfo: {members: maria}}")
    assert roles_of(people) == ("cfo", "finance")
    (folder / "b.roles.yaml").unlink()
    assert roles_of(people) == ("finance",)
    assert [event for event, _ in heard.lines] == ["people_read", "people_read"]


def test_it_is_read_again_only_after_its_time_or_never(folder: Path) -> None:
    rare, never = people_source(folder, 3600.0, Heard()), people_source(folder, None, Heard())
    write(folder / "a.roles.yaml", HEAD + "roles: {cfo: {members: maria}}")
    assert (roles_of(rare), roles_of(never)) == (("finance",), ("finance",))


@pytest.mark.parametrize("harm", ["half", "unreadable", "gone", "wrong"])
def test_law13_what_cannot_be_read_changes_nothing_and_is_told_once(folder: Path, harm: str) -> None:
    heard = Heard()
    people = people_source(folder, 0.0, heard)
    path = folder / "a.roles.yaml"
    match harm:
        case "half":
            write(path, ONE.replace("members: maria", "members: [maria, eve"))
        case "unreadable":
            path.unlink()
            path.mkdir()
        case "gone":
            path.unlink()
        case _:
            write(path, ONE.replace("members: maria", "members: [maria, eve]"))
    for _ in range(3):
        assert (roles_of(people), roles_of(people, "eve")) == (("finance",), ())
    ((event, told),) = heard.lines
    assert (event, told["level"]) == ("people_refused", "error")
    if harm == "unreadable":
        path.rmdir()
    write(path, ONE.replace("finance", "cfo"))
    assert roles_of(people) == ("cfo",)


def test_a_file_that_is_being_written_is_not_taken_yet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = people_source(folder, 0.0, Heard())
    clock = [time.monotonic() + 10]
    monkeypatch.setattr(files.time, "monotonic", lambda: clock[0])
    write(folder / "a.roles.yaml", ONE.replace("finance", "cfo"), at=time.time() + 60)
    assert roles_of(people) == ("finance",)
    clock[0] += files.SETTLE_S / 2
    assert roles_of(people) == ("finance",)
    write(folder / "a.roles.yaml", ONE.replace("finance", "ceo"), at=time.time() + 60)
    clock[0] += files.SETTLE_S / 2
    assert roles_of(people) == ("finance",)
    clock[0] += files.SETTLE_S
    assert roles_of(people) == ("ceo",)


def test_a_directory_stays_as_it_is() -> None:
    directory = Directory()
    assert people_source(directory, 0.0, Heard())() is directory
