"""A project's whole page: how to read it, who decides about each tool, each policy with its rules, room to sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hitl_fsm.errors import PolicyError
from hitl_fsm.policy.describe.by_subject import Placed, tables
from hitl_fsm.policy.describe.calendars import calendar_table
from hitl_fsm.policy.describe.conditions import json_text
from hitl_fsm.policy.describe.paper import (
    Block,
    Code,
    Facts,
    Heading,
    Item,
    Items,
    Link,
    Paper,
    Para,
    Signatures,
    Table,
    Text,
    codes,
    prose,
)
from hitl_fsm.policy.describe.rules import DEFAULTS, described, lines_of, place
from hitl_fsm.policy.describe.words import sentence
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.project import Member, Project

TITLE = "Policies: what needs a person, and who decides"

MAX_PEOPLE = 50
"""People of one role that are named; the others are counted."""

_MODES = {
    "enforce": "enforced",
    "shadow": "shadow: nothing is asked or denied by it; what it would have done is recorded",
}
_CHANGES = {
    "strictest": "what already waits is decided by the stricter of then and now",
    "pin": "what already waits is decided by what held then",
}
_BATCHES = {
    "in_order": "they happen one after the other, and none before the question of an earlier one is answered",
    "run_ungated": "those that nobody is asked about happen, whatever the others wait for",
    "hold_all": "none happens before the questions of all of them are answered",
}
_HOW: tuple[Text, ...] = (
    ("An agent's action is put to every policy that covers it, and there to every rule that is about it.",),
    (
        "All rules that apply count together, of all policies, whatever their order: all that any of them asks for ",
        "must be given, and one that denies is enough. No rule can undo what another one asks for. An exception is ",
        "only what stands after “unless” in the rule itself.",
    ),
    ("Where no rule of a policy applies, that policy's default holds, beside what other policies ask for.",),
    (
        "A condition that cannot be evaluated, for instance because an argument is missing, never lets anything ",
        "happen: the action is denied, or somebody is asked, as each policy says.",
    ),
    ("Time never says yes: what nobody answers in time is denied, at once or after others were asked.",),
    ("An action that no enforced policy covers is denied, unless the application chose that the requester is asked.",),
    ("The requester is the person for whom the agent works.",),
    (
        "A condition is put into words only where the words say exactly the same. Everything else stands as it is ",
        "written, ",
        Code("like this"),
        ", in the Common Expression Language.",
    ),
)


def page(project: Project) -> Paper:
    """The page of a project without errors; PolicyError if it has any."""
    policies = project.policies
    if policies is None:
        first = next(found for found in project.findings if found.severity == "error")
        msg = f"policies that do not load are not described: {first.place} {first.code} {first.message}"
        raise PolicyError(msg, project.findings, help="`hitl-fsm validate` shows each finding at its place")
    members = sorted(project.members, key=lambda member: member.policy.name)
    placed = [_placed(number, member) for number, member in enumerate(members, 1)]
    tools = None if project.around.tools is None else sorted(project.around.tools)
    blocks: list[Block] = [
        _about(policies, members),
        Heading(2, ("Contents",), "contents"),
        _contents(placed),
        Heading(2, ("How to read this",), "how"),
        Items(tuple(Item(text) for text in _HOW)),
        Heading(2, ("Who decides",), "who"),
        Para(("For everything that a policy names: all that apply of these rows count together.",)),
        *tables(placed, tools),
        *_roles(project.around.roles),
        *calendar_table(policies.calendars),
        Heading(2, ("The policies",), "policies"),
    ]
    for member, one in zip(members, placed, strict=True):
        blocks += _policy(member, one)
    blocks += _signing(policies, members)
    return Paper(TITLE, tuple(blocks))


def _placed(number: int, member: Member) -> Placed:
    rules = tuple(f"p{number}-r{index}" for index in range(1, len(member.policy.rules) + 1))
    return Placed(member.policy, f"p{number}", rules)


def _about(policies: PolicySet, members: Sequence[Member]) -> Facts:
    counted = f"{len(members)}, with {policies.rule_count} rules"
    return Facts((("Policies", (counted,)), ("Digest of the set", (Code(policies.digest),))))


def _contents(placed: Sequence[Placed]) -> Items:
    policies = tuple(Item((Link(one.policy.name, one.anchor),)) for one in placed)
    return Items(
        (
            Item((Link("How to read this", "how"),)),
            Item((Link("Who decides", "who"),)),
            Item((Link("The policies", "policies"),), policies),
            Item((Link("Signatures", "signatures"),)),
        )
    )


def _roles(roles: Mapping[str, frozenset[str]] | None) -> tuple[Block, ...]:
    """Who has which role, where somebody told."""
    if roles is None:
        return ()
    told = "As it is written down. In a run, the application or a credential says who has which role."
    rows = tuple(((Code(role),), _people(sorted(roles[role]))) for role in sorted(roles))
    return (Heading(3, ("Roles",), "roles"), Para((told,)), Table("Who has which role", ("Role", "People"), rows))


def _people(names: list[str]) -> Text:
    if len(names) <= MAX_PEOPLE:
        return codes(names) if names else ("nobody",)
    return (*codes(names[:MAX_PEOPLE], "and"), f", and {len(names) - MAX_PEOPLE} more")


def _policy(member: Member, placed: Placed) -> list[Block]:
    document, policy = member.document, member.policy
    blocks: list[Block] = [Heading(3, ("Policy ", Code(policy.name)), placed.anchor)]
    if document.description:
        blocks.append(Para((prose(document.description),)))
    error: Text = ("the action is denied",)
    if policy.on_error is not None:
        error = ("somebody is asked, beside all that the rule asks for. ", *sentence(policy.on_error))
    default = (f"{DEFAULTS[policy.default.effect]} (", *place(policy.default.file, policy.default.line), ")")
    owner = prose(document.owner) if document.owner else "nobody is named"
    blocks.append(
        Facts(
            (
                ("Who answers for it", (owner,)),
                ("Covers", lines_of(policy.tools, policy.steps, policy.agents)),
                ("Mode", (_MODES[document.mode],)),
                ("If none of its rules applies", default),
                ("If a condition cannot be evaluated", error),
                ("If it changes meanwhile", (_CHANGES[policy.on_change],)),
                ("If the agent asks for several actions at once", (_BATCHES[policy.batch],)),
                ("File", (Code(member.source.file),)),
            )
        )
    )
    if document.vars:
        rows = tuple(
            ((Code(f"vars.{name}"),), (Code(json_text(value)),), place(member.source.file, _line(member, name)))
            for name, value in document.vars.items()
        )
        blocks.append(Table(f"Values that the conditions of {policy.name} use", ("Name", "Value", "Written in"), rows))
    for written, rule, anchor in zip(document.rules, policy.rules, placed.rules, strict=True):
        blocks += described(policy, written, rule, anchor)
    return blocks


def _line(member: Member, name: str) -> int:
    return member.source.node(("vars", name), key=True).line


def _signing(policies: PolicySet, members: Sequence[Member]) -> list[Block]:
    owners = dict.fromkeys(prose(member.document.owner) for member in members if member.document.owner)
    return [
        Heading(2, ("Signatures",), "signatures"),
        Para(
            (
                "I have read this page. It describes the policies with the digest ",
                Code(policies.digest),
                "; any change of them, however small, gives another digest.",
            )
        ),
        Signatures((*owners, "Reviewer")),
    ]
