"""HF222: a question that may collect a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.secret_names import asks_for_secret
from hitl_fsm.policy.ask_user import ASK_USER
from hitl_fsm.policy.choices import choices_of
from hitl_fsm.policy.lint.forms import Pointer, forms_of, types_of
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import denies, enforced, listed, rules_of, tools_of
from hitl_fsm.policy.patterns import matches
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF222", "collects-secrets", "warning", "A question may collect a secret")
_LOOKS = ("args.question", "args.fields", "args.schema")
_WORDY = frozenset({"string", "integer", "number"})


def check(project: Project) -> Iterator[Diagnostic]:
    """Forms with a field for a secret; `ask_user` let through where no rule looks at what is asked."""
    for member in project.members:
        for form in forms_of(member):
            if form.is_form:
                for pointer, name in _secret_fields(form.schema, ()):
                    message = f"`{name[:60]}` is filled with a secret, which then stands in the record and in the call"
                    help_text = "let the tool fetch it from where secrets are kept"
                    yield RULE.at(member, form.place(pointer), message, help_text, key=True)
    if not any(_looks(member) for member in enforced(project.members)):
        for member in enforced(project.members):
            tools = listed(member.document.tools)
            if ASK_USER in tools and _lets_ask(member):
                message = "an agent may ask a person for a password: no rule looks at what `ask_user` asks"
                help_text = "add a rule that denies it: when: args.question.matches(…)"
                yield RULE.at(member, ("tools", tools.index(ASK_USER)), message, help_text)


def _secret_fields(schema: Mapping[str, Any], at: Pointer) -> Iterator[tuple[Pointer, str]]:
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, dict) else ():
        if isinstance(part, dict):
            here = (*at, "properties", name)
            if asks_for_secret(name) and _takes_text(part):
                yield here, name
            yield from _secret_fields(part, here)
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _secret_fields(items, (*at, "items"))


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Not a yes or no, and not a choice."""
    return bool(_WORDY & types_of(schema)) and not choices_of(schema).values


def _looks(member: Member) -> bool:
    """Whether some rule for `ask_user` judges by what is asked."""
    return any(
        any(word in text for text in (*rule.when, *rule.unless) for word in _LOOKS)
        for _, rule in rules_of(member)
        if any(matches(tool, ASK_USER) for tool in tools_of(member, rule))
    )


def _lets_ask(member: Member) -> bool:
    return member.document.default != "deny" or any(
        not denies(rule) and any(matches(tool, ASK_USER) for tool in tools_of(member, rule))
        for _, rule in rules_of(member)
    )
