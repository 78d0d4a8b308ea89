"""HF208: a form that takes a value of any size."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.forms import forms_of
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.unbounded import unbounded
from hitl_fsm.policy.project import Project

RULE = Rule("HF208", "unbounded-form", "warning", "A form takes a value of any size")
_SHOWN = 5


def check(project: Project) -> Iterator[Diagnostic]:
    """Texts, lists, objects of forms without a largest size; of a form in a file of its own, one finding tells all."""
    for member in project.members:
        for form in forms_of(member):
            found = list(unbounded(form.schema, form.schema)) if form.is_form else []
            if form.is_inline:
                for one in found:
                    message = f"{_named(one.field)} {one.text}"
                    yield RULE.at(member, form.place(one.pointer), message, one.remedy, key=True)
            elif found:
                fields = list(dict.fromkeys(_named(one.field) for one in found))
                more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
                message = f"this form takes values of any size: {', '.join(fields[:_SHOWN])}{more}"
                help_text = f"in the form's file: {', '.join(dict.fromkeys(one.remedy for one in found))}"
                yield RULE.at(member, form.path, message, help_text)


def _named(field: str) -> str:
    return f"`{field[:60]}`" if field else "the form"
