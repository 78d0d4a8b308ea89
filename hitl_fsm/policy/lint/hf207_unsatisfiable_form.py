"""HF207: a form that nobody can fill in, or a result that no system can give."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.contradiction import contradiction, idle_fields
from hitl_fsm.policy.lint.forms import forms_of
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF207", "unsatisfiable-form", "error", "Nobody can fill in this form")


def check(project: Project) -> Iterator[Diagnostic]:
    """Schemas that certainly accept nothing, and fields of forms that do."""
    for member in project.members:
        for form in forms_of(member):
            if found := contradiction(form.schema, form.schema):
                what = "nobody can fill in this form" if form.is_form else "no result can be accepted"
                yield RULE.at(member, form.place(found.pointer), f"{what}: {found.text}", "correct the schema")
            elif form.is_form:
                for name, idle in idle_fields(form.schema, form.schema):
                    message = f"nobody can fill in `{name[:60]}`: {idle.text}"
                    yield RULE.at(member, form.place(idle.pointer), message, "correct the field, or remove it")
