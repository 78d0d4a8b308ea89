"""`people`, `delegations` and `absences` of roles files, and the directory that they make."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import random

import pytest

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.delegation import Delegation
from hitl_fsm.policy.people import Directory, circle_of, limited, standing_in
from hitl_fsm.policy.spans import Span, moment_ms, zone_named
from hitl_fsm.policy.surrounding_files import read_surroundings

ROLES = "apiVersion: hitl-fsm/v1\nkind: Roles\n"
PEOPLE = """
people:
  maria: {name: Maria López, identities: [os:1001, maria@bank.example]}
  frank: {name: Frank Ort, identities: os:1002}
  carla: {}
  payer: {kind: service}
roles:
  finance: {members: [maria, {id: frank, since: 2026-02-01, until: 2026-02-28}, payer], groups: [treasury]}
  cfo: {members: carla}
groups:
  treasury: {members: [{id: carla, until: 2026-06-30}], groups: [inner]}
  inner: {members: [frank]}
"""


def directory(*texts: str) -> Directory:
    around, findings = told(*texts)
    assert findings == []
    assert around is not None
    return around


def told(*texts: str) -> tuple[Directory | None, list[tuple[str, int, int, str]]]:
    files = {f"r{index}.roles.yaml": (ROLES + text).encode() for index, text in enumerate(texts)}
    around, findings = read_surroundings({}, files)
    return around.people, [(one.code, one.place.line, one.place.column, one.message) for one in findings]


def at(text: str) -> int:
    return moment_ms(text)


def actor(people: Directory, identity: str, now: str = "2026-01-10", **how: str) -> Actor:
    found = people.actor(identity, at(now), **how)
    assert found is not None
    return found


def test_every_identity_is_the_person() -> None:
    people = directory(PEOPLE)
    for identity in ("maria", "os:1001", "maria@bank.example"):
        found = actor(people, identity, authenticated_by="oidc")
        assert (found.id, found.person, found.printed_name) == (identity, "maria", "Maria López")
        assert (found.roles, found.groups, found.kind, found.authenticated_by) == (("finance",), (), "human", "oidc")
        assert (people.person(identity), people.knows(identity)) == ("maria", True)
    assert actor(people, "payer").kind == "service"
    assert actor(people, "frank").groups == ("inner", "treasury")


def test_who_is_not_listed_is_somebody_without_roles() -> None:
    people = directory(PEOPLE)
    assert actor(people, "Maria") == Actor("Maria")
    assert (people.person("os:1"), people.knows("os:1")) == ("os:1", False)


def test_a_role_is_over_after_its_last_day() -> None:
    people = directory(PEOPLE.replace(", groups: [treasury]}", "}"))
    days = {
        day: actor(people, "frank", day).roles
        for day in ("2026-01-31T23:59:59.999Z", "2026-02-01", "2026-02-28T23:59:59.999Z", "2026-03-01")
    }
    assert list(days.values()) == [(), ("finance",), ("finance",), ()]


def test_a_group_that_is_left_gives_its_roles_no_more() -> None:
    people = directory(PEOPLE)
    assert actor(people, "carla", "2026-06-30").roles == ("cfo", "finance")
    assert actor(people, "carla", "2026-07-01").roles == ("cfo",)
    assert actor(people, "carla", "2026-07-01").groups == ()


def test_days_are_those_of_the_files_zone() -> None:
    text = "timezone: America/New_York\nroles: {a: {members: {id: bo, since: 2026-03-08, until: 2026-03-08}}}"
    people = directory(text)  # a day of 23 hours
    hours = [moment_ms("2026-03-08T05:00:00Z"), moment_ms("2026-03-09T04:00:00Z")]
    assert [people.actor("bo", now).roles for now in (hours[0] - 1, hours[0], hours[1] - 1, hours[1])] == [
        (),
        ("a",),
        ("a",),
        (),
    ]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("people: {a: {identities: [x]}, b: {identities: [y, x]}}", 3, 52, "`x` is an identity of `a` and of `b`"),
        ("people: {a: {identities: [b]}, b: {}}", 3, 32, "`b` is an identity of `a` and of `b`"),
        ("people: {a: {identities: [os:1]}, b: {identities: 'OS:1'}}", 3, 51, "`OS:1` is an identity of `a` and of `b`"),
        ("people: {ann: {}, \uff21\uff2e\uff2e: {}}", 3, 19, "`\uff21\uff2e\uff2e` is an identity of `ann` and of `\uff21\uff2e\uff2e`"),
        ("people: {a: {identities: 'role:x'}}", 3, 26, "'role:x' is not the id of a person"),
        ("people: {requester: {}}", 3, 10, "'requester' is not the id of a person"),
        ("people: {a: {}}\nroles: {r: {members: [b]}}", 4, 23, "there is nobody called `b`"),
        ("people: {a: {identities: x}}\nroles: {r: {members: x}}", 4, 22, "`x` is an identity of `a`"),
        ("people: {a: {}}\ngroups: {g: {members: {id: b, until: 2026-01-01}}}", 4, 23, "there is nobody called `b`"),
        ("people: {a: {}}\nabsences: [{who: b, since: 2026-01-01, until: 2026-01-02}]", 4, 18, "there is nobody called `b`"),
        ("people: {a: {}}\ndelegations: [{from: a, to: b}]", 4, 29, "there is nobody called `b`"),
        ("people: {a: {}}\ndelegations: [{from: b, to: a}]", 4, 22, "there is nobody called `b`"),
        ("people: {a: {}}\ndelegations: [{from: a, to: a}]", 4, 29, "`a` delegates to the same person"),
        ("people: {a: {}, s: {kind: service}}\ndelegations: [{from: s, to: a}]", 4, 22, "`s` is a service; only people delegate"),
        ("people: {a: {}, b: {}}\nroles: {r: {members: b}}\ndelegations: [{from: a, to: b, roles: r}]", 5, 39, "`a` has no role `r` to delegate"),
        ("people: {a: {}, b: {}}\ndelegations: [{from: a, to: b, since: 2026-02-02, until: 2026-02-01}]", 4, 58, "`until` is not after `since`"),
        ("absences: [{who: a, since: 2026-02-02, until: 2026-02-01}]\nroles: {r: {members: a}}", 3, 47, "`until` is not after `since`"),
        ("roles: {r: {members: {id: a, since: 2026-02-02, until: 2026-02-01}}}", 3, 22, "`until` is not after `since`"),
        ("people: {a: {}, b: {}, c: {}}\ndelegations:\n- {from: a, to: b}\n- {from: b, to: c}\n- {from: c, to: a}", 5, 3, "the delegations go in a circle: a → b → c → a"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place_and_nobody_is_known(text: str, line: int, column: int, says: str) -> None:
    people, found = told(text)
    assert people is None
    assert [one[:3] for one in found] == [("HF127", line, column)]
    assert says in found[0][3]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("roles: {r: {members: {id: a, until: 2026-13-01}}}", 3, 37, "no day (2026-12-31) and no instant"),
        ("roles: {r: {members: {id: a, until: 2026-02-01T10:00:00}}}", 3, 37, "no instant with its offset"),
        ("roles: {r: {members: {id: a, until: 2026}}}", 3, 37, "expected text, found 2026"),
        ("roles: {r: {members: {id: a, til: 2026-01-01}}}", 3, 30, "unknown key `til`"),
        ("timezone: Mars/Olympus\nroles: {}", 3, 11, "there is no time zone 'Mars/Olympus'"),
        ("timezone: ../../etc/passwd\nroles: {}", 3, 11, "there is no time zone"),
        ("people: {a: {kind: robot}}", 3, 20, "`kind` cannot be 'robot'"),
        ("people: {a: {}}\ndelegations: [{from: a, to: a, when: never}]", 4, 38, "`when` cannot be 'never'"),
        ("people: {a: {}}\ndelegations: [{from: a}]", 4, 15, "`to` is missing"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(text: str, line: int, column: int, says: str) -> None:
    people, found = told(text)
    assert people is None
    assert [one[1:3] for one in found] == [(line, column)]
    assert says in found[0][3]


def test_people_of_one_file_are_known_in_the_others_and_stand_once() -> None:
    assert directory("people: {a: {identities: x}}", "roles: {r: {members: a}}").person("x") == "a"
    assert [one[3] for one in told("people: {a: {}}", "people: {a: {}}")[1]] == ["the person `a` stands twice"]


def test_machines_are_no_people_of_a_role() -> None:
    around, _ = read_surroundings({}, {"r.roles.yaml": (ROLES + PEOPLE).encode()})
    assert around.roles == {"finance": frozenset({"maria", "frank", "carla"}), "cfo": frozenset({"carla"})}


DELEGATIONS = """
delegations:
  - {from: carla, to: maria, roles: [cfo], since: 2026-01-10, until: 2026-01-20}
  - {from: carla, to: frank, when: absent}
  - {from: carla, to: payer}
absences:
  - {who: carla, since: 2026-01-15, until: 2026-01-16}
"""


def test_a_delegation_gives_its_subset_in_its_window_and_nothing_else() -> None:
    people = directory(PEOPLE + DELEGATIONS)
    assert people.actor("maria", at("2026-01-09"), on_behalf_of="carla") is None
    found = actor(people, "os:1001", "2026-01-20T23:59:59Z", on_behalf_of="carla")
    assert (found.id, found.person, found.on_behalf_of) == ("os:1001", "maria", "carla")
    assert (found.roles, found.groups) == (("cfo",), ())
    assert found.persons == ("maria", "carla")
    assert people.actor("maria", at("2026-01-21"), on_behalf_of="carla") is None
    assert people.actor("maria", at("2026-01-10"), on_behalf_of="frank") is None
    assert people.actor("maria", at("2026-01-10"), on_behalf_of="os:1001") is None
    assert people.actor("nobody", at("2026-01-10"), on_behalf_of="carla") is None


def test_what_the_giver_lost_the_taker_has_lost() -> None:
    text = PEOPLE.replace("cfo: {members: carla}", "cfo: {members: {id: carla, until: 2026-01-12}}") + DELEGATIONS
    assert actor(directory(text), "maria", "2026-01-12", on_behalf_of="carla").roles == ("cfo",)
    assert actor(directory(text), "maria", "2026-01-13", on_behalf_of="carla").roles == ()


def test_a_deputy_speaks_only_while_the_giver_is_away() -> None:
    people = directory(PEOPLE + DELEGATIONS)
    assert people.actor("frank", at("2026-01-14"), on_behalf_of="carla") is None
    found = actor(people, "frank", "2026-01-16", on_behalf_of="carla")
    assert (found.roles, found.groups) == (("cfo", "finance"), ("treasury",))
    assert people.actor("frank", at("2026-01-17"), on_behalf_of="carla") is None
    assert [one.giver for one in people.acting_for("os:1002", at("2026-01-16"))] == ["carla"]


def test_a_machine_that_speaks_for_a_person_has_what_both_have() -> None:
    found = actor(directory(PEOPLE + DELEGATIONS), "payer", on_behalf_of="carla")
    assert (found.kind, found.roles, found.on_behalf_of) == ("service", ("finance",), "carla")


def test_nothing_is_passed_on() -> None:
    text = PEOPLE + "delegations:\n- {from: carla, to: maria}\n- {from: maria, to: frank}\n"
    people, now = directory(text), at("2026-01-10")
    assert people.actor("frank", now, on_behalf_of="carla") is None
    assert actor(people, "frank", on_behalf_of="maria").roles == ("finance",)
    delegated = actor(people, "maria", on_behalf_of="carla")
    assert standing_in(actor(people, "frank"), delegated, people.delegations) is None


def test_an_agent_and_its_principal_share_only_what_both_have() -> None:
    agent = Actor("bot", ("a", "b"), kind="agent", groups=("g", "h"))
    assert limited(agent, Actor("os:7", ("b", "c"), person="ann", groups=("h",))) == Actor(
        "bot", ("b",), kind="agent", groups=("h",), on_behalf_of="ann"
    )
    assert limited(agent, Actor("ann")).roles == ()
    deputy = Actor("ann", ("a",), on_behalf_of="carla")
    assert limited(agent, deputy).on_behalf_of == "carla"


def test_two_may_stand_in_for_each_other_at_different_times_or_in_absence() -> None:
    both = (
        PEOPLE
        + "delegations:\n- {from: maria, to: frank, until: 2026-03-31}\n- {from: frank, to: maria, since: 2026-04-01}\n"
    )
    assert len(directory(both).delegations) == 2
    assert (
        told(both.replace("2026-04-01", "2026-03-31"))[1][0][3]
        == "the delegations go in a circle: maria → frank → maria"
    )
    absent = (
        PEOPLE + "delegations:\n- {from: maria, to: frank, when: absent}\n- {from: frank, to: maria, when: absent}\n"
    )
    assert len(directory(absent).delegations) == 2


def test_a_circle_is_found_exactly_where_there_is_one() -> None:
    dice = random.Random(5)
    found = 0
    for _ in range(400):
        some = [
            Delegation(
                dice.choice("abcde"),
                dice.choice("abcde"),
                since=dice.choice([None, 0, 3]),
                until=dice.choice([None, 2, 5]),
            )
            for _ in range(dice.randint(1, 7))
        ]
        some = [one for one in some if one.giver != one.taker and not Span(one.since, one.until).is_empty]
        circle = circle_of(some)
        found += bool(circle)
        assert bool(circle) == any(_reaches_itself([one for one in some if one.is_within(now)]) for now in range(-2, 7))
        assert [one.taker for one in circle] == [one.giver for one in (*circle[1:], *circle[:1])]
        assert not circle or any(all(one.is_within(now) for one in circle) for now in range(-2, 7))
    assert 50 < found < 350


def _reaches_itself(edges: list[Delegation]) -> bool:
    reach = {(one.giver, one.taker) for one in edges}
    for _ in range(6):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
    return any(a == b for a, b in reach)


def test_moments_are_days_or_instants_with_their_offset() -> None:
    assert moment_ms("1970-01-02") == 86_400_000
    assert moment_ms("1970-01-01", end=True) == 86_400_000
    assert moment_ms("1970-01-01T00:00:01.5+01:00") == 1_500 - 3_600_000
    assert moment_ms("1970-01-01t00:00:01z", end=True) == 1_000
    assert moment_ms("2026-07-01", zone_named("Europe/Madrid")) == moment_ms("2026-06-30T22:00:00Z")
    for wrong in (
        "",
        "2026-1-1",
        "2026-01-01 10:00:00Z",
        "2026-01-01T10:00:00",
        "20260101",
        "9999-12-31T23:59:60Z",
        "2026-02-30",
        "tomorrow",
    ):
        with pytest.raises(ValueError, match="no day"):
            moment_ms(wrong)
    with pytest.raises(ValueError, match="no day"):
        moment_ms("9999-12-31", end=True)


def test_a_machine_gives_nothing_even_where_a_delegation_says_so() -> None:
    given = (Delegation("payer", "maria"),)
    payer = Actor("payer", ("finance",), kind="service")
    assert standing_in(Actor("maria"), payer, given) is None
    assert standing_in(Actor("maria"), Actor("payer", ("finance",)), given) is not None
