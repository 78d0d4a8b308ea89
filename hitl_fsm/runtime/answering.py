"""From an answer to the event that records it: whether it fits the question, and what it makes of the call.

Nothing is stored here. A bad answer is refused with a reason for each field, and the question stays open (law 9).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from hitl_fsm.errors import AnswerRefused, HitlError
from hitl_fsm.model import answer as answers
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import AnswerRecorded
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.verdict import Approval, Confirm, External, UserInput, Verdict
from hitl_fsm.policy.form import form, value_problems
from hitl_fsm.runtime.arguments import read_arguments
from hitl_fsm.runtime.tools import AnyTool

NOTE_LIMIT = 4_096
"""Characters of a note."""
ANSWER_LIMIT = 256 * 1024
"""Bytes of an answer, as JSON."""

_FITTING: dict[type, tuple[type[msgspec.Struct], ...]] = {
    Confirm: (answers.Approve, answers.Reject),
    Approval: (answers.Approve, answers.Reject),
    UserInput: (answers.Provide, answers.Reject),
    External: (answers.Report, answers.Reject),
    OutcomeUnknown: (answers.Happened, answers.NotHappened, answers.GiveUp),
}

Rejudge = Callable[[dict[str, Any]], Verdict]


def may_edit(answer: answers.Answer) -> bool:
    """Whether an answer can change its call's arguments; only then the policies judge again."""
    return isinstance(answer, answers.Provide) or (isinstance(answer, answers.Approve) and answer.args is not None)


def fitted(
    requirement: Requirement, call: Call, answer: answers.Answer, tool: AnyTool | None, rejudge: Rejudge
) -> tuple[AnswerRecorded, Verdict | None]:
    """The event, and the new verdict where the answer changed the call's arguments.

    `tool` is None when this process does not know the call's tool; then an edit is refused, everything else works.
    """
    _check_shape(requirement, answer)
    args: dict[str, Any] | None = None
    extras: dict[str, Any] = {}
    match answer:
        case answers.Approve(edited) if edited is not None and edited != call.args:
            args = _edited(requirement, call, edited, tool)
        case answers.Provide(values):
            args, extras = _filled_in(requirement, call, values, tool)
        case answers.Report(result) | answers.Happened(result):
            _check_result(requirement, result)
        case _:
            pass
    event = AnswerRecorded(requirement.requirement_id, answer, requirement.digest, args, extras)
    return event, None if args is None else rejudge(args)


def _check_shape(requirement: Requirement, answer: answers.Answer) -> None:
    kind = requirement.kind
    fitting = _FITTING[type(requirement.question)]
    if not isinstance(answer, fitting):
        words = " or ".join(str(kind_of.__struct_config__.tag) for kind_of in fitting)
        given = answer.__struct_config__.tag
        _refuse(requirement, f"{given} does not answer a question of kind {kind}", f"it takes {words}")
    if answer.note is not None and len(answer.note) > NOTE_LIMIT:
        _refuse(requirement, f"the note has more than {NOTE_LIMIT} characters", "shorten it")
    if len(_as_json(requirement, msgspec.structs.asdict(answer))) > ANSWER_LIMIT:
        _refuse(requirement, f"the answer has more than {ANSWER_LIMIT} bytes", "send less")


def _edited(requirement: Requirement, call: Call, args: dict[str, Any], tool: AnyTool | None) -> dict[str, Any]:
    if tool is None:
        _refuse(
            requirement,
            f"the arguments of {call.tool} cannot be checked here",
            "name the application that knows the tool (--app module:engine)",
        )
    args = tool.completed(_readable(requirement, args))
    problems = tool.problems(args)
    if problems:
        msg = f"the edited arguments do not fit {call.tool}"
        raise AnswerRefused(msg, problems, help="nothing was stored")
    return args


def _filled_in(
    requirement: Requirement, call: Call, values: dict[str, Any], tool: AnyTool | None
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Form values to arguments and extras. A field left empty (None) is not given: the tool's default applies."""
    question = requirement.question
    if not isinstance(question, UserInput):
        return None, {}
    required = set(question.schema.get("required", ()))
    given = {name: value for name, value in values.items() if value is not None or name in required}
    given = _readable(requirement, given)
    problems = form(question.schema).problems(given)
    if problems:
        msg = "the form is not filled in correctly"
        raise AnswerRefused(msg, problems, help="nothing was stored; it can be answered again")
    if not call.form_args:
        return None, given
    own = set(call.form_args) & set(question.schema.get("properties", {}))
    args = {name: value for name, value in (call.args or {}).items() if name not in own}
    args |= {name: value for name, value in {**call.form_defaults, **given}.items() if name in own}
    if tool is not None:
        missing_later = tuple(set(call.form_args) - own)
        problems = tool.problems(args, except_for=missing_later)
        if problems:
            msg = f"the values do not fit {call.tool}"
            raise AnswerRefused(msg, problems, help="nothing was stored")
    return args, {name: value for name, value in given.items() if name not in own}


def _readable(requirement: Requirement, values: dict[str, Any]) -> dict[str, Any]:
    """People's values pass the same strict reader as a model's: no NaN, no huge integers, no depth."""
    try:
        return read_arguments(_as_json(requirement, values))
    except HitlError as error:
        _refuse(requirement, error.message, "nothing was stored; it can be answered again")


def _as_json(requirement: Requirement, values: dict[str, Any]) -> str:
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        _refuse(requirement, f"the answer cannot be written as JSON: {error}", "use plain JSON values")


def _check_result(requirement: Requirement, result: Any) -> None:
    question = requirement.question
    if isinstance(question, External) and question.result_schema is not None:
        problems = value_problems(question.result_schema, result)
        if problems:
            msg = f"the result does not fit the schema of route {question.route}"
            raise AnswerRefused(msg, problems, help="nothing was stored; it can be reported again")


def _refuse(requirement: Requirement, why: str, then: str) -> NoReturn:
    msg = f"{requirement.requirement_id}: {why}"
    raise AnswerRefused(msg, help=then)
