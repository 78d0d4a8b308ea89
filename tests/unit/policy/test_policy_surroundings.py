"""`kind: Routes` and `kind: Roles`: read as strictly as policies, with findings at their places."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import pytest

from hitl_fsm.policy import around_documents, surrounding_files
from hitl_fsm.policy.surrounding_files import MAX_GROUP_DEPTH, read_surroundings
from hitl_fsm.policy.surroundings import Surroundings

ROUTES = "apiVersion: hitl-fsm/v1\nkind: Routes\n"
ROLES = "apiVersion: hitl-fsm/v1\nkind: Roles\n"


def routes(*texts: str) -> tuple[Surroundings, list[tuple[str, int, int, str]]]:
    return told({f"r{index}.routes.yaml": (ROUTES + text).encode() for index, text in enumerate(texts)}, {})


def roles(*texts: str) -> tuple[Surroundings, list[tuple[str, int, int, str]]]:
    return told({}, {f"r{index}.roles.yaml": (ROLES + text).encode() for index, text in enumerate(texts)})


def told(one: dict[str, bytes], other: dict[str, bytes]) -> tuple[Surroundings, list[tuple[str, int, int, str]]]:
    around, findings = read_surroundings(one, other)
    assert around.tools is None
    return around, [(found.code, found.place.line, found.place.column, found.message) for found in findings]


def test_without_a_file_nothing_is_known_and_nothing_is_said() -> None:
    assert read_surroundings({}, {}) == (Surroundings(), ())


def test_routes_of_all_files_are_known_by_name() -> None:
    text = "owner: a@example.com\ndescription: Ours.\nroutes:\n  bank: {description: Sends money.}\n"
    around, found = routes(text, "routes: {mail: {description: Sends letters.}}")
    assert (around, found) == (Surroundings(routes=frozenset({"bank", "mail"})), [])
    assert routes("routes: {}") == (Surroundings(routes=frozenset()), [])


def test_roles_are_flat_lists_of_people() -> None:
    text = """
roles:
  finance: {members: [maria, frank], groups: treasury}
  cfo: {description: One person., members: carol}
  nobody: {}
groups:
  treasury: {members: [otto, maria], groups: [emea, apac]}
  emea: {members: [eve], groups: [apac]}
"""
    around, found = roles(text, "roles: {}\ngroups: {apac: {members: [ann]}}")
    assert found == []
    assert around.roles == {
        "finance": frozenset({"maria", "frank", "otto", "eve", "ann"}),
        "cfo": frozenset({"carol"}),
        "nobody": frozenset(),
    }
    assert around.routes is None


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("routes: [bank]", "HF108", 3, 9, "expected a mapping, found a list"),
        ("routes: {bank: {}}", "HF107", 3, 10, "`description` is missing in `bank`"),
        ("routes: {bank: {description: x, descripton: y}}", "HF106", 3, 33, "unknown key `descripton`"),
        ("routes: {a b: {description: x}}", "HF108", 3, 15, "'a b' is not a name"),
        ("routes: {bank: {description: }}", "HF108", 3, 30, "expected text, found nothing"),
        ("routes: {bank: &x {description: y}}", "HF104", 3, 16, "the anchor &x is refused"),
        ("routes: {bank: {description: x}, bank: {description: y}}", "HF103", 3, 34, "stands twice"),
        ("owner:\nroutes: {}", "HF108", 3, 1, "`owner` has no value"),
        ("", "HF107", 1, 1, "`routes` is missing"),
        ("kind: Roles\nroutes: {}", "HF103", 3, 1, "the key `kind` stands twice"),
    ],
)
def test_a_wrong_routes_file_is_told_at_its_place_and_nothing_is_known(
    text: str, code: str, line: int, column: int, says: str
) -> None:
    around, found = routes(text, "routes: {mail: {description: x}}")
    assert around.routes is None
    assert [one[:3] for one in found] == [(code, line, column)]
    assert says in found[0][3]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("roles: {a: {groups: [treasry]}}\ngroups: {treasury: {}}", "HF127", 3, 22, "there is no group `treasry`"),
        ("roles: {a: {members: ['role:b']}}", "HF127", 3, 23, "'role:b' is not the id of a person"),
        ("roles: {a: {members: [bo, requester]}}", "HF127", 3, 27, "'requester' is not the id"),
        ("roles: {a: {members: ['bo ']}}", "HF127", 3, 23, "not the id of a person"),
        ("roles: {a: {members: [5]}}", "HF108", 3, 23, "expected text, found 5"),
        ("roles: {a: {member: bo}}", "HF106", 3, 13, "unknown key `member`"),
        ("roles: {a: [bo]}", "HF108", 3, 12, "expected a mapping, found a list"),
        ("roles: {a: {description: }}", "HF108", 3, 13, "`description` has no value"),
        ("roles: {}\ngroups: {a: {groups: [a]}}", "HF127", 4, 10, "the group `a` is in itself: a → a"),
        ("roles: {r: {groups: [x]}}\ngroups: {x: {groups: [b]}, b: {groups: [c]}, c: {groups: [b]}}", "HF127", 4, 28, "`b` is in itself: b → c → b"),
    ],
)  # fmt: skip
def test_a_wrong_roles_file_is_told_at_its_place_and_nothing_is_known(
    text: str, code: str, line: int, column: int, says: str
) -> None:
    around, found = roles(text)
    assert around.roles is None
    assert [one[:3] for one in found] == [(code, line, column)]
    assert says in found[0][3]


def test_every_circle_is_told_and_what_only_leads_to_one_is_not() -> None:
    text = "roles: {}\ngroups: {a: {groups: [b]}, b: {groups: [a]}, c: {groups: [a, c]}, d: {groups: [a]}}"
    assert [one[3] for one in roles(text)[1]] == [
        "the group `a` is in itself: a → b → a",
        "the group `c` is in itself: c → c",
    ]


def test_a_name_has_one_place_in_all_files() -> None:
    text = "roles: {a: {members: bo}}\ngroups: {g: {}}"
    around, found = roles(text, text)
    assert around.roles is None
    assert [one[3] for one in found] == ["the role `a` stands twice", "the group `g` stands twice"]
    assert routes("routes: {a: {description: x}}", "routes: {a: {description: y}}")[1] == [
        ("HF127", 3, 10, "the route `a` stands twice")
    ]


def test_one_kind_that_is_wrong_says_nothing_of_the_other() -> None:
    good = (ROUTES + "routes: {bank: {description: x}}").encode()
    around, found = told({"a.routes.yaml": good}, {"b.roles.yaml": (ROLES + "roles: 3").encode()})
    assert (around.routes, around.roles, len(found)) == (frozenset({"bank"}), None, 1)
    people = (ROLES + "roles: {a: {members: bo}}").encode()
    around, found = told({"a.routes.yaml": b"\xff"}, {"b.roles.yaml": people})
    assert (around.routes, around.roles, len(found)) == (None, {"a": frozenset({"bo"})}, 1)


def test_nesting_and_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def chain(length: int) -> str:
        links = ", ".join(f"g{n}: {{groups: g{n + 1}}}" for n in range(length - 1))
        return f"roles: {{a: {{groups: g0}}}}\ngroups: {{{links}, g{length - 1}: {{members: bo}}}}"

    assert roles(chain(MAX_GROUP_DEPTH))[0].roles == {"a": frozenset({"bo"})}
    assert roles(chain(MAX_GROUP_DEPTH + 1))[1] == [("HF127", 3, 9, "groups within groups, deeper than 16")]
    monkeypatch.setattr(surrounding_files, "MAX_PEOPLE", 3)
    two = "roles: {a: {members: [x, y]}, b: {members: [x, y]}}"
    assert roles(two)[1] == [("HF127", 3, 31, "more than 3 people in all roles together")]
    monkeypatch.setattr(surrounding_files, "MAX_ENTRIES", 1)
    assert roles(two)[1] == [("HF127", 3, 31, "more than 1 roles in all files")]
    many = ", ".join(f"r{n}: {{}}" for n in range(around_documents.MAX_ENTRIES + 1))
    assert [one[:3] for one in roles(f"roles: {{{many}}}")[1]] == [("HF108", 3, 8)]
