"""What a person is shown of one question, as one value: the terminal renders it now, later surfaces the same.

Pure. Texts in it are as they were written (by a model, a policy, a person): whoever renders them passes them through
`visible`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from hitl_fsm.core.gates import may_substitute
from hitl_fsm.model.instant import iso
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement, RequirementKind
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import Approval, Confirm, External, Review, Severity, UserInput
from hitl_fsm.policy.choices import choices_of, resolved

SHORT_DIGEST = 12
"""Hex digits of a digest that people compare; programs use all of it."""
PROGRAM = "hitl-fsm"

DIGEST_DOMAIN = b"hitl-fsm/presentation/v1\0"
"""Goes before the bytes of a presentation that are hashed, so that no other statement can have its digest."""
VOLATILE = frozenset({"state", "run_state", "how", "given"})
"""What changes while nothing changes of what is asked; a presentation's digest leaves it out."""
_ENCODER = msgspec.json.Encoder(order="sorted")

ASKS: dict[RequirementKind, str] = {
    "confirm": "May this action happen?",
    "approval": "May this action happen?",
    "user_input": "Fill in this form.",
    "external": "An outside system executes this; report its result.",
    "review": "It was executed. May the agent have this result?",
    "outcome": "The process died inside this call. Did it happen?",
}


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule that took part; `place` is `file:line`, empty for what no file says."""

    policy: str
    rule: str
    effect: str
    place: str = ""
    note: str | None = None


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a form. `schema` is its JSON Schema; the rest is read from it.

    `choices` are the values that it offers: one of them is the answer, with `multiple` a list of some. `labels` are the
    words for each of them, empty where a value stands for itself; without any words, there are no labels.
    """

    name: str
    type: str
    required: bool
    schema: dict[str, Any]
    description: str = ""
    choices: tuple[Any, ...] = ()
    default: Any = None
    labels: tuple[str, ...] = ()
    multiple: bool = False


class HowTo(msgspec.Struct, frozen=True):
    """One way to answer: what it means, and the command line that does it."""

    meaning: str
    command: str


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer that closed the question."""

    answer: str
    by: str
    authenticated_by: str
    at: str
    note: str | None = None


class Presentation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question. `arguments` is `args` as indented JSON with sorted keys, exact and whole; times are RFC 3339, UTC.

    `stage` of `stages` is its place among the gates of the call; `who` says in words who may answer; `fields` are read
    from `form_schema`; `result_schema` is what a reported result must fit, and each of `route_schemas` what its route
    asks of it; `silent`: no chat announces it, lists have it; no answer is taken before `answerable_from`;
    `how` is empty when it is closed. `execution` is above 1 when a reviewer had the call run again. `result` is what a
    review is about, `result_text` the same for a reader; a tool wrote it: it is data, whatever it says.
    `substituted`: a person gave it instead of the call, which does not run.
    `path` leads from the run down to who asks; `way` writes it on a line. `filled_in` is what people filled in for this
    call before: values that the tool gets beside its arguments.
    """

    id: str
    run: str
    call: str
    kind: RequirementKind
    state: RequirementState
    asks: str
    agent: str
    user: str
    tool: str
    args: dict[str, Any]
    arguments: str
    severity: Severity
    stage: int
    stages: int
    who: str
    digest: str
    short_digest: str
    opened_at: str
    run_state: RunState
    why: tuple[Why, ...] = ()
    fields: tuple[FormField, ...] = ()
    form_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    route_schemas: tuple[dict[str, Any], ...] = ()
    silent: bool = False
    expires_at: str | None = None
    on_expiry: str | None = None
    answerable_from: str | None = None
    execution: int = 1
    result: Any = None
    result_text: str | None = None
    substituted: bool = False
    how: tuple[HowTo, ...] = ()
    given: Given | None = None
    path: tuple[str, ...] = ()
    filled_in: dict[str, Any] = {}


def presentation(requirement: Requirement, run: Run) -> Presentation:
    """Everything that a person needs to answer `requirement` of `run`, and the digest that binds the answer to it."""
    question = requirement.question
    is_open = requirement.state is RequirementState.OPEN
    call = next((one for one in run.calls if one.call_id == requirement.call_id), None)
    return Presentation(
        id=requirement.requirement_id,
        run=requirement.run_id,
        call=requirement.call_id,
        kind=requirement.kind,
        state=requirement.state,
        asks=_asks(requirement),
        agent=requirement.agent,
        user=requirement.user,
        tool=requirement.tool,
        args=requirement.args,
        arguments=pretty(requirement.args),
        severity=requirement.severity,
        stage=requirement.stage,
        stages=requirement.stages,
        who=_who(requirement),
        digest=requirement.digest,
        short_digest=requirement.digest[:SHORT_DIGEST],
        opened_at=iso(requirement.opened_at),
        run_state=run.state,
        why=_why(requirement),
        fields=form_fields(question.schema) if isinstance(question, UserInput) else (),
        form_schema=question.schema if isinstance(question, UserInput) else None,
        result_schema=question.result_schema if isinstance(question, External) else None,
        route_schemas=question.route_schemas if isinstance(question, External) else (),
        silent=isinstance(question, External) and question.silent,
        expires_at=None if requirement.expires_at is None else iso(requirement.expires_at),
        on_expiry=None if requirement.expires_at is None else _on_expiry(requirement),
        answerable_from=None if requirement.answerable_from is None else iso(requirement.answerable_from),
        execution=requirement.execution,
        result=requirement.result,
        substituted=requirement.substituted,
        result_text=as_written(requirement.result) if isinstance(question, Review) else None,
        how=_how(requirement, call is not None and may_substitute(call)) if is_open else (),
        given=_given(requirement),
        path=requirement.path,
        filled_in=call.answers if is_open and call is not None else {},
    )


def presentation_digest(shown: Presentation) -> str:
    """SHA-256 (hex) of what is to be seen of a question while it is open, and nobody else is asked."""
    stable = {name: getattr(shown, name) for name in shown.__struct_fields__ if name not in VOLATILE}
    return hashlib.sha256(DIGEST_DOMAIN + _ENCODER.encode(stable)).hexdigest()


def presented_digest(requirement: Requirement, run: Run) -> str:
    """The digest of all that a person is shown of `requirement` of `run`, as it stands."""
    return presentation_digest(presentation(requirement, run))


def as_written(result: Any) -> str:
    """A result for a reader: text as it is, anything else as indented JSON, whole."""
    return result if isinstance(result, str) else pretty(result)


def pretty(value: Any) -> str:
    """JSON for a reader: indented, keys sorted, every value whole."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def form_fields(schema: dict[str, Any]) -> tuple[FormField, ...]:
    """The fields of an object schema, in its own order."""
    required = set(schema.get("required", ()))
    return tuple(
        _field(name, resolved(schema, field) if isinstance(field, dict) else {}, name in required)
        for name, field in schema.get("properties", {}).items()
    )


def _field(name: str, schema: dict[str, Any], required: bool) -> FormField:  # noqa: FBT001 - read from a schema
    kind = schema.get("type", "any")
    offered = choices_of(schema)
    return FormField(
        name=name,
        type=kind if isinstance(kind, str) else "|".join(str(one) for one in kind),
        required=required,
        schema=schema,
        description=str(schema.get("description") or schema.get("title") or ""),
        choices=offered.values,
        default=schema.get("default"),
        labels=offered.labels if any(offered.labels) else (),
        multiple=offered.multiple,
    )


def _asks(requirement: Requirement) -> str:
    """The question on one line: an agent's own, that of a call's tool, or the title of a form, where there is one."""
    question = requirement.question
    if isinstance(question, UserInput) and question.asker:
        return " ".join(str(question.schema.get("description", "")).split())
    if requirement.substituted:
        return "A person gave this result instead of the call. May the agent have it?"
    asked = requirement.args.get("question") if requirement.tool == "ask_user" else None
    if asked is None and isinstance(question, UserInput):
        asked = " ".join(str(question.schema.get("title", "")).split())
    return asked if isinstance(asked, str) and asked else ASKS[requirement.kind]


def _on_expiry(requirement: Requirement) -> str:
    if isinstance(requirement.question, Review):
        return "the result is withheld, and the agent is told"
    return "it is refused, and the agent is told"


def _why(requirement: Requirement) -> tuple[Why, ...]:
    return tuple(
        Why(
            policy=reason.policy,
            rule=reason.rule,
            effect=reason.effect,
            place=f"{reason.file}:{reason.line}" if reason.file else "",
            note=reason.note,
        )
        for reason in requirement.reasons
    )


def _who(requirement: Requirement) -> str:
    match requirement.question:
        case Confirm():
            return f"{requirement.user}, for whom the run acts"
        case Approval(of, excluded) | Review(of, excluded):
            allowed = " or ".join(_name(one, requirement) for one in of or ("requester",))
            return f"{allowed}; not {', '.join(_name(one, requirement) for one in excluded)}" if excluded else allowed
        case UserInput(_, of):
            return " or ".join(_name(one, requirement) for one in of or ("requester",))
        case External(route):
            return f"whoever reports for the route {route}"
        case OutcomeUnknown():
            return "anyone who knows what happened"


def _name(one: str, requirement: Requirement) -> str:
    if one == "requester":
        return f"{requirement.user}, for whom the run acts"
    if one.startswith("role:"):
        return f"anyone with the role {one.removeprefix('role:')}"
    return one.removeprefix("user:")


def _how(requirement: Requirement, instead: bool) -> tuple[HowTo, ...]:  # noqa: FBT001 - read from the call
    one = requirement.requirement_id
    reject = f"{PROGRAM} reject {one} --note TEXT"
    no: tuple[HowTo, ...] = (HowTo("no, for good", reject),)
    if instead:
        no = (*no, HowTo("a result instead: it never runs", f"{PROGRAM} respond {one} --data JSON"))
    match requirement.question:
        case Confirm() | Approval():
            return (
                HowTo("yes, this action", f"{PROGRAM} approve {one}"),
                HowTo("yes, with other arguments", f"{PROGRAM} approve {one} --set NAME=VALUE"),
                *no,
            )
        case UserInput(schema):
            needed = " ".join(f"--set {field.name}=…" for field in form_fields(schema) if field.required)
            return (
                HowTo("fill it in", f"{PROGRAM} input {one} {needed or '--set NAME=VALUE'}"),
                *no,
            )
        case External():
            return (
                HowTo("report the result", f"{PROGRAM} result {one} --data JSON"),
                *no,
            )
        case Review(retries=retries):
            may_run = requirement.execution <= retries and not requirement.substituted
            again = (HowTo("run it again", f"{PROGRAM} retry {one}"),) if may_run else ()
            return (
                HowTo("the agent may have it", f"{PROGRAM} approve {one}"),
                HowTo("another result instead", f"{PROGRAM} result {one} --data JSON"),
                HowTo("the agent never gets it", reject),
                *again,
            )
        case OutcomeUnknown():
            return (
                HowTo("it happened, with this result", f"{PROGRAM} result {one} --data JSON"),
                HowTo("it did not happen: run it", f"{PROGRAM} approve {one}"),
                HowTo("nobody knows: give up on it", f"{PROGRAM} reject {one}"),
            )


def _given(requirement: Requirement) -> Given | None:
    resolution = requirement.resolution
    if resolution is None:
        return None
    return Given(
        answer=str(resolution.answer.__struct_config__.tag),
        by=resolution.by.id,
        authenticated_by=resolution.by.authenticated_by,
        at=iso(resolution.at),
        note=resolution.answer.note,
    )
