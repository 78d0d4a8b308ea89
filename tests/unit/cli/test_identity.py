"""Who types (law 13)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hitl_fsm.cli.answers.identity import login, typist
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import NotAuthorised


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    for name in ("HITL_FSM_APP", "HITL_FSM_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hitl.db").touch()
    return Session(store=f"sqlite:///{tmp_path / 'hitl.db'}")


def test_law13_the_actor_is_the_user_of_the_operating_system(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "SUDO_USER"):
        monkeypatch.setenv(variable, "mallory")
    actor = typist(session)
    assert (actor.id, actor.authenticated_by) == (login(), f"os:{os.geteuid()}")
    assert actor.id != "mallory"
    assert (actor.roles, actor.kind, actor.on_behalf_of) == ((), "human", None)


def test_law13_the_owner_of_the_store_may_speak_as_somebody_and_the_actor_says_who_typed(session: Session) -> None:
    actor = typist(session, "maria")
    assert (actor.id, actor.authenticated_by) == ("maria", f"os:{os.geteuid()} as maria")
    assert typist(session, login()).authenticated_by == f"os:{os.geteuid()}"


def test_law13_nobody_else_may(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    with pytest.raises(NotAuthorised, match="may speak as maria"):
        typist(session, "maria")
    assert typist(session).authenticated_by == f"os:{real + 1}"  # as oneself, always


def test_law13_roles_come_from_the_application_alone(
    tmp_path: Path, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "identity_app.py").write_text(
        "from hitl_fsm import Actor, Engine\n"
        "maria = Actor('maria', ('finance',), authenticated_by='nonsense')\n"
        "people = {'maria': maria, 'bot': Actor('bot', kind='service')}\n"
        f"engine = Engine(store={session.store!r}, actors=people.get)\n",
        encoding="utf-8",
    )
    session.app = "identity_app:engine"
    maria = typist(session, "maria")
    assert (maria.roles, maria.authenticated_by) == (("finance",), f"os:{os.geteuid()} as maria")
    assert typist(session, "bot").kind == "service"
    assert typist(session, "nobody").roles == ()
    session.engine().close()  # type: ignore[attr-defined]
