"""A grant as a policy would say it: a condition under which a rule does not hold, for somebody to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hitl_fsm.model.grant import Grant
from hitl_fsm.model.instant import iso
from hitl_fsm.model.visible import visible


def exception(grant: Grant, rules: Sequence[str] = ()) -> str:
    """The lines to write under a rule, with who granted it and until when as a comment; `rules`: which rules asked."""
    lines = [
        f"{grant.grant_id}: {grant.tool}, granted by {_givers(grant)}",
        f"at {iso(grant.at)}, until {iso(grant.until)}, for {grant.uses} further calls{_where(grant)}.",
        "As a policy it holds for any number of calls, in every run, until somebody takes it out.",
    ]
    if grant.budget_of:
        lines.append(
            f"The budget of {grant.budget} was for the sum of `{grant.budget_of}`; a policy bounds each call alone."
        )
    if rules:
        lines.append(f"For the rule {' and '.join(rules)}:")
    comment = "".join(f"# {visible(line)}\n" for line in lines)
    return f"{comment}unless: >-\n  {condition(grant)}\n"


def condition(grant: Grant) -> str:
    """In CEL: true of exactly the calls that the grant covers, as far as one call by itself tells."""
    parts = [f"tool == {_literal(grant.tool)}", f"{_literal(grant.agent)} in [agent, team, workflow, step]"]
    if grant.user:
        parts.append(f"user.id == {_literal(grant.user)}")
    parts.append(f"size(args) == {len(grant.args)}")
    parts += [f"{_literal(name)} in args" for name in grant.args]
    parts += [
        f"args[{_literal(name)}] == {_literal(value)}" for name, value in grant.args.items() if name not in grant.vary
    ]
    if grant.budget_of:
        amount = f"args[{_literal(grant.budget_of)}]"
        parts.append(f"{amount} >= 0 && {amount} <= {_literal(grant.budget)}")
    return " && ".join(parts)


def _givers(grant: Grant) -> str:
    return " and ".join(actor.signature for actor in grant.by)


def _where(grant: Grant) -> str:
    if grant.run_id:
        return f" in {grant.run_id} alone"
    return f" in session {grant.session} of {grant.user} alone" if grant.session else ""


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value)


def _text(text: str) -> str:
    """What could not be seen, or would end the line, is written as its number."""
    written = (char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(text, ensure_ascii=False))
    return "".join(written)
