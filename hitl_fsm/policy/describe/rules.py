"""A rule, or a default, in sentences: when it applies, what it then asks for, where it stands."""

from __future__ import annotations

import json
from typing import Any

from hitl_fsm.model.verdict import External, Review, UserInput
from hitl_fsm.policy.describe.conditions import All, Meaning, Some, inline, items, meaning
from hitl_fsm.policy.describe.forms import fields_of
from hitl_fsm.policy.describe.paper import Block, Code, Heading, Item, Items, Para, Text, codes, joined, prose
from hitl_fsm.policy.describe.words import sentence, who
from hitl_fsm.policy.document import Example, Rule
from hitl_fsm.policy.evaluate import CompiledPolicy, CompiledRule

DEFAULTS: dict[str, str] = {
    "deny": "it is denied",
    "confirm": "a yes from the requester",
    "allow": "nobody is asked: it happens at once",
}


def lines_of(tools: tuple[str, ...], steps: tuple[str, ...], agents: tuple[str, ...]) -> Text:
    """What a policy, or a rule, is about."""
    kinds = [("calls of ", tools), ("the workflow steps ", steps)]
    about: list[Text] = [(word, *codes(names)) for word, names in kinds if names]
    if not agents:
        return joined(about, "and")
    if not about:
        return ("all that is done by the agents ", *codes(agents))
    return (*joined(about, "and"), ", where done by the agents ", *codes(agents))


def place(file: str, line: int) -> Text:
    """Where it stands."""
    return (Code(f"{file}:{line}"),)


def when(policy: CompiledPolicy, rule: CompiledRule) -> tuple[Meaning | None, Meaning | None]:
    """What must hold, and what lifts the rule; None where nothing is said."""
    held = [meaning(one.text, policy.variables) for one in rule.when]
    lifted = [meaning(one.text, policy.variables) for one in rule.unless]
    return _taken(held, All), _taken(lifted, Some)


def _taken(found: list[Meaning], kind: type[All | Some]) -> Meaning | None:
    if len(found) < 2:  # noqa: PLR2004 - several are taken together
        return found[0] if found else None
    parts = [part for one in found for part in (one.parts if isinstance(one, kind) else (one,))]
    return kind(tuple(parts))


def when_inline(policy: CompiledPolicy, rule: CompiledRule) -> Text:
    """For a table."""
    held, lifted = when(policy, rule)
    first: Text = ("always",) if held is None else inline(held)
    return first if lifted is None else (*first, ", unless ", *inline(lifted))


def demand_inline(rule: CompiledRule) -> Text:
    """What it asks for, in few words."""
    noted: Text = ("; recorded apart",) if rule.audit else ()
    if rule.denies:
        return ("nobody: it is denied", *noted)
    if not rule.gates:
        return ("nobody is asked: it happens at once", *noted)
    needed: Text = tuple(piece for gate in rule.gates for piece in (", then ", *who(gate)))
    return (*needed[1:], *noted)


def described(policy: CompiledPolicy, written: Rule, rule: CompiledRule, anchor: str) -> tuple[Block, ...]:
    """The rule's section."""
    blocks: list[Block] = [Heading(4, ("Rule ", Code(written.id)), anchor)]
    if written.description:
        blocks.append(Para((prose(written.description),)))
    about: Text = (
        ("For ", *lines_of(rule.tools, rule.steps, rule.agents), ". ")
        if rule.tools or rule.steps or rule.agents
        else ("For all that the policy covers. ",)
    )
    level = f"Severity: {rule.severity}. "
    blocks.append(Para((*about, level, "Written in ", *place(rule.reason.file, rule.reason.line), ".")))
    blocks += _conditions(policy, rule)
    blocks += _demand(rule)
    blocks += _examples(written)
    return tuple(blocks)


def _conditions(policy: CompiledPolicy, rule: CompiledRule) -> list[Block]:
    held, lifted = when(policy, rule)
    blocks: list[Block] = []
    if held is None:
        blocks.append(Para(("It always applies.",) if lifted is None else ("It applies",)))
    else:
        several = isinstance(held, All)
        blocks += [Para(("It applies when all of these hold:" if several else "It applies when",)), Items(items(held))]
    if lifted is not None:
        head = "unless at least one of these holds:" if isinstance(lifted, Some) else "unless"
        below = (
            tuple(item for part in lifted.parts for item in items(part)) if isinstance(lifted, Some) else items(lifted)
        )
        blocks += [Para((head,)), Items(below)]
    return blocks


def _demand(rule: CompiledRule) -> list[Block]:
    noted: list[Block] = [Para(("The action is marked on the record, for those who audit.",))] if rule.audit else []
    if rule.denies:
        note = rule.reason.note
        told: Text = (" The agent is told: “", prose(note), "”") if note else ()
        return [Para(("Then it is denied.", *told)), *noted]
    if not rule.gates:
        return [Para(("Then this rule asks nobody: the action happens at once.",)), *noted]
    several = len(rule.gates) > 1
    blocks: list[Block] = [
        Para(("Then, one after the other:" if several else "Then:",)),
        Items(tuple(Item(sentence(gate)) for gate in rule.gates), ordered=several),
    ]
    for number, gate in enumerate(rule.gates, 1):
        of_step = f" of step {number}" if several else ""
        if isinstance(gate, UserInput):
            blocks += fields_of(gate.schema, f"The form{of_step}")
        elif isinstance(gate, External):
            for schema in gate.result_schemas:
                blocks += fields_of(schema, f"The result{of_step}")
    if all(isinstance(gate, Review) for gate in rule.gates):
        blocks.append(Para(("Nobody is asked before the action: it happens at once.",)))
    return [*blocks, *noted]


def _examples(written: Rule) -> list[Block]:
    told = [("It applies to ", one) for one in written.examples.match]
    told += [("It does not apply to ", one) for one in written.examples.not_match]
    if not told:
        return []
    return [Para(("For instance:",)), Items(tuple(Item((head, *_example(one), ".")) for head, one in told))]


def _example(one: Example) -> Text:
    """What the example says, as it was written; what it leaves out is left out."""
    given: dict[str, Any] = one.model_dump(exclude_unset=True)
    args = json.dumps(given.pop("args", {}), ensure_ascii=False)
    tool = given.pop("tool", None)
    call: Text = ("a call of ", Code(str(tool)), " with ", Code(args)) if tool else ("a call with ", Code(args))
    if not tool and given.get("step"):
        call = ("an action with ", Code(args))
    more = [(f"{name} = ", Code(json.dumps(value, ensure_ascii=False))) for name, value in given.items()]
    return (*call, ", ", *joined(list(more), "and")) if more else call
