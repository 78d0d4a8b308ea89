"""What a person is shown of one question, as one value: the terminal renders it now, later surfaces the same.

Pure. Texts in it are as they were written (by a model, a policy, a person): whoever renders them passes them through
`visible`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hitl_fsm.core.gates import may_substitute
from hitl_fsm.core.votes import patience_of
from hitl_fsm.model.call import Call
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.instant import iso
from hitl_fsm.model.requirement import Requirement, RequirementKind
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import Approval, Confirm, External, Review, Severity, UserInput
from hitl_fsm.policy.ask_user import ASK_USER
from hitl_fsm.policy.sensitive import hidden, masked, sensitive_places
from hitl_fsm.runtime.presenting.changes import Change, changes
from hitl_fsm.runtime.presenting.form import FormField, form_fields, shown_schema
from hitl_fsm.runtime.presenting.how import (
    ANY_CHANGE,
    HowTo,
    break_glass_words,
    editing_words,
    grant_words,
    ways_to_answer,
)
from hitl_fsm.runtime.presenting.who import (
    ShownVote,
    advice_shown,
    excluded,
    needs,
    on_expiry,
    passed_on,
    so_far,
    votes_shown,
    who_may,
)

__all__ = [
    "ANY_CHANGE",
    "ASKS",
    "DIGEST_DOMAIN",
    "SHORT_DIGEST",
    "VOLATILE",
    "Change",
    "FormField",
    "Given",
    "HowTo",
    "Presentation",
    "ShownVote",
    "Why",
    "as_written",
    "form_fields",
    "presentation",
    "presentation_digest",
    "pretty",
    "shown_call",
]

SHORT_DIGEST = 12
"""Hex digits of a digest that people compare; programs use all of it."""

DIGEST_DOMAIN = b"hitl-fsm/presentation/v1\0"
"""Goes before the bytes of a presentation that are hashed, so that no other statement can have its digest."""
VOLATILE = frozenset({"state", "run_state", "how", "given", "votes", "quorum", "advice", "reminded"})
"""What changes while nothing changes of what is asked, and of whom; a presentation's digest leaves it out."""
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
    """One rule that took part; `place` is `file:line`, empty for what no file says; `description` what it is for."""

    policy: str
    rule: str
    effect: str
    place: str = ""
    note: str | None = None
    description: str = ""


class Given(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer that closed the question. `presented` is the digest of what was to be seen with it."""

    answer: str
    by: str
    authenticated_by: str
    at: str
    note: str | None = None
    printed_name: str = ""
    on_behalf_of: str = ""
    presented: str = ""


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
    `masked` names the arguments that nobody is shown: MASK stands for them everywhere here; `digest` binds them.
    `said` is what the model wrote beside its calls, of which `said_cut` characters are left out: it is data, whatever
    it says. `changes` are what `editors` made of what it proposed. `flags` are reasons to look twice.
    `needs` is what is enough for a yes and a no, `quorum` what there is of it so far in `votes`; `advice` never counts.
    `passed_on` says what time has done to it so far, `on_expiry` what it will do; `reminders` are the times at which
    people are told again, of which `reminded` are over. `calendar`: in whose open hours time counts ("": always).
    `editing` says what a yes may change, `grant` how far it may be remembered, `break_glass` who may say it alone.
    `nonce` is of this question alone: without it nobody finds out by trying what its digest is of.
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
    name: str = ""
    masked: tuple[str, ...] = ()
    said: str = ""
    said_cut: int = 0
    flags: tuple[Flag, ...] = ()
    changes: tuple[Change, ...] = ()
    editors: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    needs: str = ""
    quorum: str = ""
    votes: tuple[ShownVote, ...] = ()
    advice: tuple[ShownVote, ...] = ()
    passed_on: str = ""
    reminders: tuple[str, ...] = ()
    reminded: int = 0
    calendar: str = ""
    editing: str = ""
    grant: str = ""
    break_glass: str = ""
    nonce: str = ""


def presentation(requirement: Requirement, run: Run) -> Presentation:
    """Everything that a person needs to answer `requirement` of `run`, and the digest that binds the answer to it."""
    question = requirement.question
    is_open = requirement.state is RequirementState.OPEN
    call = next((one for one in run.calls if one.call_id == requirement.call_id), None)
    args = masked(requirement.args, requirement.sensitive)
    shown = Presentation(
        id=requirement.requirement_id,
        run=requirement.run_id,
        call=requirement.call_id,
        kind=requirement.kind,
        state=requirement.state,
        asks=_asks(requirement, args),
        agent=requirement.agent,
        user=requirement.user,
        tool=requirement.tool,
        args=args,
        arguments=pretty(args),
        severity=requirement.severity,
        stage=requirement.stage,
        stages=requirement.stages,
        who=who_may(requirement),
        digest=requirement.digest,
        short_digest=requirement.digest[:SHORT_DIGEST],
        opened_at=iso(requirement.opened_at),
        run_state=run.state,
        why=_why(requirement),
        expires_at=None if requirement.expires_at is None else iso(requirement.expires_at),
        on_expiry=on_expiry(requirement),
        answerable_from=None if requirement.answerable_from is None else iso(requirement.answerable_from),
        execution=requirement.execution,
        result=requirement.result,
        result_text=as_written(requirement.result) if isinstance(question, Review) else None,
        substituted=requirement.substituted,
        how=ways_to_answer(requirement, call is not None and may_substitute(call)) if is_open else (),
        given=_given(requirement),
        path=requirement.path,
        filled_in=_filled_in(call, requirement.sensitive) if is_open and call is not None else {},
        name=question.name if isinstance(question, Approval) else "",
        masked=hidden(requirement.args, requirement.sensitive),
        said=requirement.said,
        said_cut=requirement.said_cut,
        flags=requirement.flags,
        changes=_changes(requirement),
        editors=requirement.editors,
        approvers=requirement.approvers,
        excluded=excluded(requirement),
        nonce=_nonce(requirement, run),
    )
    return replace(shown, **_of_people(requirement), **_of_question(requirement))


def _nonce(requirement: Requirement, run: Run) -> str:
    """Out of the run's salt, which it does not tell; nothing where the run has none."""
    if not run.salt:
        return ""
    return hmac.digest(run.salt.encode(), requirement.requirement_id.encode(), "sha256").hex()


def _of_people(requirement: Requirement) -> dict[str, Any]:
    """What depends on who said what so far, and on how time went on."""
    return {
        "needs": needs(requirement),
        "quorum": so_far(requirement),
        "votes": votes_shown(requirement),
        "advice": advice_shown(requirement),
        "passed_on": passed_on(requirement),
        "reminders": tuple(iso(at) for at in requirement.remind_at),
        "reminded": requirement.reminded,
    }


def _of_question(requirement: Requirement) -> dict[str, Any]:
    """What only questions of some kinds have."""
    match requirement.question:
        case UserInput(schema) as form:
            shown = shown_schema(schema, requirement.sensitive)
            fields = form_fields(schema, requirement.sensitive)
            return {"fields": fields, "form_schema": shown, "calendar": patience_of(form).calendar}
        case External(result_schema=schema, route_schemas=several, silent=silent):
            return {"result_schema": schema, "route_schemas": several, "silent": silent}
        case Approval() | Confirm() as asked:
            return {
                "calendar": patience_of(asked).calendar,
                "editing": editing_words(asked.edit),
                "grant": grant_words(asked.grant),
                "break_glass": break_glass_words(requirement),
            }
        case _:
            return {"calendar": patience_of(requirement.question).calendar}


def presentation_digest(shown: Presentation) -> str:
    """SHA-256 (hex) of what is to be seen of a question while it is open, and nobody else is asked."""
    stable = {name: getattr(shown, name) for name in shown.__struct_fields__ if name not in VOLATILE}
    return hashlib.sha256(DIGEST_DOMAIN + _ENCODER.encode(stable)).hexdigest()


class Look(NamedTuple):
    """All that a person is shown of a question, and its digest."""

    shown: Presentation
    digest: str


def look(requirement: Requirement, run: Run) -> Look:
    """At `requirement` of `run`, as it stands; a fifth of a millisecond, so that one look serves a whole answer."""
    shown = presentation(requirement, run)
    return Look(shown, presentation_digest(shown))


def shown_call(call: Call) -> Call:
    """The call without the arguments that nobody is shown."""
    if not call.sensitive:
        return call
    args, proposed = (masked(one, call.sensitive) for one in (call.args, call.proposed))
    return replace(call, args=args, proposed=proposed, answers=_filled_in(call, call.sensitive))


def as_written(result: Any) -> str:
    """A result for a reader: text as it is, anything else as indented JSON, whole."""
    return result if isinstance(result, str) else pretty(result)


def pretty(value: Any) -> str:
    """JSON for a reader: indented, keys sorted, every value whole."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _asks(requirement: Requirement, args: dict[str, Any]) -> str:
    """The question on one line: an agent's own, that of a call's tool, or the title of a form, where there is one."""
    question = requirement.question
    if isinstance(question, UserInput) and question.asker:
        return " ".join(str(question.schema.get("description", "")).split())
    if requirement.substituted:
        return "A person gave this result instead of the call. May the agent have it?"
    asked = args.get("question") if requirement.tool == ASK_USER else None
    if asked is None and isinstance(question, UserInput):
        asked = " ".join(str(question.schema.get("title", "")).split())
    return asked if isinstance(asked, str) and asked else ASKS[requirement.kind]


def _why(requirement: Requirement) -> tuple[Why, ...]:
    return tuple(
        Why(
            policy=reason.policy,
            rule=reason.rule,
            effect=reason.effect,
            place=f"{reason.file}:{reason.line}" if reason.file else "",
            note=reason.note,
            description=reason.description,
        )
        for reason in requirement.reasons
    )


def _changes(requirement: Requirement) -> tuple[Change, ...]:
    was = requirement.proposed
    return () if was is None else changes(was, requirement.args, requirement.sensitive)


def _filled_in(call: Call, sensitive: Collection[str]) -> dict[str, Any]:
    """What people filled in beside the arguments, without what their forms, or the tool, show nobody."""
    forms = (gate.schema for gate in call.verdict.gates if isinstance(gate, UserInput))
    shown: dict[str, Any] = masked(
        call.answers, {*sensitive, *(one for form in forms for one in sensitive_places(form))}
    )
    return shown


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
        printed_name=resolution.by.printed_name,
        on_behalf_of=resolution.by.on_behalf_of or "",
        presented=resolution.presented,
    )
