"""Law 13: who somebody is comes from a credential and a directory, and nobody has more than is written there now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Actor, Engine
from hitl_fsm.cli.answers.identity import login, typist
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import InputRefused, LimitExceeded, NotAuthorised, Tampered
from hitl_fsm.model.states import CallState
from hitl_fsm.policy.people import limited
from hitl_fsm.policy.spans import moment_ms
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.people import delegations
from house import House, call, calls, policies, policy_text
from postgres import sql_at

DAY = 86_400_000
PEOPLE = """\
apiVersion: hitl-fsm/v1
kind: Roles
people:
  maria: {name: Maria López, identities: [os:1001, maria@bank.example]}
  frank: {name: Frank Ort, identities: [slack:U12]}
  carla: {}
  robo: {kind: service}
roles:
  finance: {members: [maria, {id: frank, until: 2026-03-31}, robo]}
  cfo: {members: carla}
  auditor: {members: carla}
"""
RULES = "- {id: all, gate: {approval: {of: [role:ROLE], not: [requester]}}}"
SCRIPT = [calls(call("pay", to="bob", amount=5))]


def bank(house: House, more: str = "", now: str = "2026-03-01T12:00:00Z", *, role: str = "finance") -> Engine:
    """An engine whose people are those of a file."""
    path = house.folder / "bank.roles.yaml"
    path.write_text(PEOPLE + more, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    move(house, now)
    rules = policies(policy_text(RULES.replace("ROLE", role)))
    engine = Engine(rules, house.url, actors=path, clock=house.clock, reload=0.0)
    house.engines.append(engine)
    return engine


def move(house: House, now: str) -> None:
    house.clock.advance(moment_ms(now) - house.clock.now())


def asked(house: House, engine: Engine, user: str | Actor = "alice") -> Any:
    return house.agent(engine, SCRIPT).run("go", user=user)


def test_law13_a_role_that_is_over_answers_nothing(house: House) -> None:
    engine = bank(house, now="2026-03-31T23:59:59.999Z")
    first, second = asked(house, engine), asked(house, engine)
    first.active_requirements[0].confirm(by="frank")
    move(house, "2026-04-01")
    with pytest.raises(NotAuthorised):
        second.active_requirements[0].confirm(by="slack:U12")
    assert second.active_requirements


@pytest.mark.parametrize("alias", ["maria", "os:1001", "maria@bank.example"])
def test_law13_somebody_with_two_accounts_is_one_person(house: House, alias: str) -> None:
    engine = bank(house)
    run = asked(house, engine, "maria@bank.example" if alias == "maria" else "maria")
    with pytest.raises(NotAuthorised):
        run.active_requirements[0].confirm(by=alias)
    run.active_requirements[0].confirm(by="slack:U12")
    by = engine.runs.timeline(run.run_id)[-1]["by"]
    assert (by["id"], by["person"], by["printed_name"], by["roles"]) == ("slack:U12", "frank", "Frank Ort", ["finance"])


def test_law13_an_account_that_was_linked_since_is_the_same_person(house: House) -> None:
    engine = bank(house)
    run = asked(house, engine, Actor("m.lopez"))
    bank(house).close()
    house.engines.pop()
    path = house.folder / "bank.roles.yaml"
    path.write_text(PEOPLE.replace("os:1001,", "os:1001, m.lopez,"), encoding="utf-8")
    os.utime(path, (1_000_000_001, 1_000_000_001))
    later = Engine(engine.policies, house.url, actors=path, clock=house.clock)
    house.engines.append(later)
    with pytest.raises(NotAuthorised):
        later.inbox.get(run.requirements[0].id).confirm(by="maria")


def test_law13_nobody_known_has_no_role_whatever_the_name(house: House) -> None:
    engine = bank(house)
    run = asked(house, engine)
    for name in ("Maria", "maria ", "role:finance", "os:1", "mar\u0456a"):
        with pytest.raises(NotAuthorised):
            run.active_requirements[0].confirm(by=name)


def test_law13_a_service_of_the_directory_is_no_person(house: House) -> None:
    run = asked(house, engine := bank(house))
    assert engine.actor("robo", Actor("x")).roles == ("finance",)
    with pytest.raises(NotAuthorised):
        run.active_requirements[0].confirm(by="robo")


def test_law13_a_delegation_counts_in_its_window_with_its_roles_and_as_both_people(house: House) -> None:
    more = "delegations: [{from: carla, to: frank, roles: [cfo], since: 2026-03-02, until: 2026-03-03}]"
    engine = bank(house, more, role="cfo")
    run = asked(house, engine)
    question = run.active_requirements[0]
    with pytest.raises(NotAuthorised):
        question.confirm(by="frank")
    with pytest.raises(NotAuthorised, match="may not speak for carla"):
        engine.delegations.actor("frank", "carla")
    move(house, "2026-03-03T23:59:59Z")
    deputy = engine.delegations.actor("slack:U12", "carla")
    assert (deputy.roles, deputy.groups, deputy.persons) == (("cfo",), (), ("frank", "carla"))
    own = asked(house, engine, "carla")
    with pytest.raises(NotAuthorised):
        own.active_requirements[0].confirm(by=deputy)  # the requester's deputy is the requester
    question.confirm(by=deputy)
    by = engine.runs.timeline(run.run_id)[-1]["by"]
    assert (by["person"], by["on_behalf_of"]) == ("frank", "carla")
    move(house, "2026-03-04")
    with pytest.raises(NotAuthorised):
        engine.delegations.actor("frank", "carla")


def test_law13_a_delegation_given_at_run_time_counts_until_it_is_ended(house: House) -> None:
    engine = bank(house, role="cfo")
    made = engine.delegations.add("frank", by="carla", roles=["cfo"], until="2026-03-10", note="away")
    assert engine.delegations.actor("frank", "carla").roles == ("cfo",)
    assert [row.delegation for row in engine.delegations.list(taker="slack:U12")] == [made]
    assert engine.delegations.acting_for("slack:U12") == (made,)
    for other in ("frank", "maria", Actor("robo", kind="service"), Actor("frank", on_behalf_of="carla")):
        with pytest.raises((NotAuthorised, InputRefused)):
            engine.delegations.end(made.delegation_id, by=other)
    engine.delegations.end(made.delegation_id, by="carla")
    with pytest.raises(NotAuthorised):
        engine.delegations.actor("frank", "carla")
    with pytest.raises(InputRefused, match="there is no delegation"):
        engine.delegations.end(made.delegation_id, by="carla")
    told = [line for line in map(_decoded, engine.audit.records()) if line["event"].startswith("delegation_")]
    assert [(line["event"], line["by"]["id"]) for line in told] == [
        ("delegation_made", "carla"),
        ("delegation_ended", "carla"),
    ]
    assert told[0]["data"] == {
        "delegation": made.delegation_id, "giver": "carla", "taker": "frank", "roles": ["cfo"],
        "since": moment_ms("2026-03-01T12:00:00Z"), "until": moment_ms("2026-03-11"),
    }  # fmt: skip
    assert set(told[0]["contents"]) == {"note"}
    beside = run_sync(engine.store.contents([told[0]["seq"]]))
    assert beside == ({} if house.store_url else {told[0]["seq"]: {"note": "away"}})  # kept only where there are keys
    assert engine.audit.verify().intact


def _decoded(line: Any) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(line.body)
    return found


def test_law13_nobody_gives_what_is_not_the_own(house: House) -> None:
    engine = bank(house)
    give, soon = engine.delegations.add, "2026-03-10"
    for to, how, says in (
        ("frank", {"by": "maria", "roles": ["cfo"], "until": soon}, "maria has no role cfo"),
        ("os:1001", {"by": "maria", "until": soon}, "the same person"),
        ("eve", {"by": "maria", "until": soon}, "knows nobody called eve"),
        ("frank", {"by": "robo", "until": soon}, "only a person delegates"),
        ("frank", {"by": Actor("maria", ("cfo",), on_behalf_of="carla"), "until": soon}, "only what is the own"),
        ("frank", {"by": "maria", "until": "2026-02-01"}, "before it begins"),
        ("frank", {"by": "maria", "since": "2026-03-12", "until": soon}, "before it begins"),
        ("frank", {"by": "maria", "until": house.clock.now() + 90 * DAY + 1}, "longer than 90 days"),
        ("frank", {"by": "maria", "until": "soon"}, "no instant"),
        ("frank", {"by": "maria", "until": soon, "roles": "cfo"}, "a list"),
        ("frank", {"by": None, "until": soon}, "only a person delegates"),
    ):
        with pytest.raises(InputRefused, match=says):
            give(to, **how)  # type: ignore[arg-type]
    assert engine.delegations.list(ended=True) == []
    give("frank", by="maria", until=house.clock.now() + 90 * DAY)


def test_law13_delegations_go_in_no_circle_over_files_and_store_together(house: House) -> None:
    engine = bank(house, "delegations: [{from: maria, to: frank}]")
    engine.delegations.add("carla", by="frank", until="2026-03-10")
    with pytest.raises(InputRefused, match="circle"):
        engine.delegations.add("maria", by="carla", until="2026-03-20")
    engine.delegations.add("maria", by="carla", since="2026-03-11", until="2026-03-20")  # when that is over
    assert engine.delegations.actor("carla", "frank").roles == ("finance",)
    with pytest.raises(NotAuthorised):
        engine.delegations.actor("carla", "maria")  # over frank: nothing is passed on


def test_law13_one_giver_has_so_many_delegations(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegations, "DELEGATIONS_MAX", 2)
    engine = bank(house)
    for to in ("frank", "carla"):
        engine.delegations.add(to, by="maria", until="2026-03-10")
    with pytest.raises(LimitExceeded):
        engine.delegations.add("frank", by="os:1001", until="2026-03-11")
    move(house, "2026-03-11")
    engine.delegations.add("frank", by="maria", until="2026-03-11")


def test_law13_what_the_giver_lost_nobody_has_for_it(house: House) -> None:
    engine = bank(house)
    engine.delegations.add("carla", by="frank", until="2026-04-10")
    assert engine.delegations.actor("carla", "frank").roles == ("finance",)
    move(house, "2026-04-01")
    assert engine.delegations.actor("carla", "frank").roles == ()


def test_law13_who_is_taken_off_the_directory_speaks_for_nobody(house: House) -> None:
    engine = bank(house)
    engine.delegations.add("frank", by="maria", until="2026-03-10")
    path = house.folder / "bank.roles.yaml"
    gone = PEOPLE.replace("  frank: {name: Frank Ort, identities: [slack:U12]}\n", "")
    path.write_text(gone.replace(", {id: frank, until: 2026-03-31}", ""), encoding="utf-8")
    later = Engine(engine.policies, house.url, actors=path, clock=house.clock)
    house.engines.append(later)
    assert later.delegations.acting_for("frank") == ()
    with pytest.raises(NotAuthorised):
        later.delegations.actor("frank", "maria")
    assert engine.delegations.actor("frank", "maria").roles == ("finance",)


def test_law13_a_delegation_that_was_altered_behind_the_engine_lets_nobody_speak(house: House) -> None:
    engine = bank(house)
    engine.delegations.add("frank", by="carla", roles=["auditor"], until="2026-03-10")
    house.sql("UPDATE delegation SET giver = ?", "maria")
    with pytest.raises(Tampered):
        engine.delegations.actor("frank", "maria")


def test_law13_a_weak_principal_does_not_act_through_a_strong_agent(house: House) -> None:
    engine = bank(house)
    weak, strong = engine.actor("eve", Actor("eve")), Actor("bot", ("finance", "cfo"), kind="agent")
    through = limited(strong, weak)
    assert (through.roles, through.on_behalf_of) == ((), "eve")
    assert limited(strong, engine.actor("maria", weak)).roles == ("finance",)
    engine.delegations.add("robo", by="carla", until="2026-03-10")
    assert engine.delegations.actor("robo", "carla").roles == ()  # robo has finance, carla cfo: nothing of both


def test_law13_a_roles_file_that_cannot_be_read_grants_nothing(house: House) -> None:
    engine = bank(house)
    run = asked(house, engine)
    path = house.folder / "bank.roles.yaml"
    for text in (PEOPLE + "  eve: {}", PEOPLE.replace("[maria, {id", "[maria, eve, {id"), "\0"):
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_000_000_002, 1_000_000_002))
        engine.parts.people._next = 0.0  # type: ignore[union-attr]
        with pytest.raises(NotAuthorised):
            run.active_requirements[0].confirm(by="eve")
    run.active_requirements[0].confirm(by="maria")  # the directory that was in force stays
    assert run.value.calls[0].state is not CallState.GATED


# -- the command line


def session_of(house: House, path: Path) -> Session:
    """As the command is used in a project whose application has this store and these people."""
    (house.folder / "law13_app.py").write_text(
        f"from hitl_fsm import Engine\nengine = Engine(store={house.url!r}, actors={str(path)!r})\n", encoding="utf-8"
    )
    return Session(app="law13_app:engine")


@pytest.fixture
def session(house: House, monkeypatch: pytest.MonkeyPatch) -> Session:
    import sys

    for name in ("HITL_FSM_APP", "HITL_FSM_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(house.folder)
    monkeypatch.delitem(sys.modules, "law13_app", raising=False)
    path = house.folder / "bank.roles.yaml"
    own = f"os:{os.geteuid()}"
    path.write_text(PEOPLE.replace("[os:1001,", f"['{own}', otto,"), encoding="utf-8")
    made = session_of(house, path)
    house.engines.append(made.engine())  # type: ignore[arg-type]
    made.engine().delegations.list()  # the store is there
    return made


def test_law13_the_shell_user_is_the_person_of_the_user_number(session: Session) -> None:
    own = f"os:{os.geteuid()}"
    actor = typist(session)
    assert (actor.id, actor.person, actor.authenticated_by) == (own, "maria", own)
    assert (actor.printed_name, actor.roles) == ("Maria López", ("finance",))
    assert typist(session, "otto").authenticated_by == own  # the same person
    other = typist(session, login())  # a name like that is somebody else here
    assert (other.person, other.authenticated_by) == ("", f"{own} as {login()}")


def test_law13_as_somebody_else_is_for_the_owner_of_the_store_and_is_recorded(
    house: House, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"os:{os.geteuid()}"
    actor = typist(session, "frank")
    assert (actor.person, actor.authenticated_by) == ("frank", f"{own} as frank")
    if house.store_url:
        schema = house.store_url.rpartition("=")[2]
        for statement in (
            f"CREATE ROLE teller_{schema}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO teller_{schema}",
            f"ALTER TABLE record OWNER TO teller_{schema}",
        ):
            sql_at(house.store_url, statement)
        owner = f"role teller_{schema}"
    else:
        real = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: real + 1)
        owner = "the owner of"
    with pytest.raises(NotAuthorised, match=owner):
        typist(session, "frank")
    assert typist(session).authenticated_by == f"os:{os.geteuid()}"  # as oneself, always


def test_law13_for_somebody_else_is_a_delegation_and_no_other_name(session: Session) -> None:
    with pytest.raises(NotAuthorised, match="may not speak for carla"):
        typist(session, "for:carla")
    session.engine().delegations.add("maria", by="carla", until=_tomorrow(session))
    actor = typist(session, "for:carla")
    own = f"os:{os.geteuid()}"
    assert (actor.id, actor.on_behalf_of, actor.authenticated_by) == (own, "carla", own)
    assert actor.roles == ("auditor", "cfo")
    with pytest.raises(NotAuthorised):
        typist(session, "frank for:carla")
    assert typist(session, "otto for:carla").on_behalf_of == "carla"


def _tomorrow(session: Session) -> int:
    return session.engine().parts.clock.now() + DAY
