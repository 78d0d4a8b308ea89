"""From an answer to the event that records it: whether it fits the question, and what it makes of the call.

Nothing is stored here. A bad answer is refused with a reason for each field, and the question stays open (law 9).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import msgspec

from hitl_fsm.audit.canonical import canonical
from hitl_fsm.core.editing import edit_problems
from hitl_fsm.core.gates import form_arguments, may_substitute
from hitl_fsm.core.grants import grants_fit
from hitl_fsm.core.votes import reject_quorum_of
from hitl_fsm.errors import AnswerRefused, HitlError
from hitl_fsm.model import answer as answers
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import AnswerRecorded
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.verdict import Approval, Confirm, External, Review, UserInput, Verdict
from hitl_fsm.policy.form import form, value_problems
from hitl_fsm.policy.sensitive import unmasked
from hitl_fsm.runtime.agents.judge import form_fields
from hitl_fsm.runtime.tools.arguments import read_arguments
from hitl_fsm.runtime.tools.tool import AnyTool

NOTE_LIMIT = 4_096
"""Characters of a note."""

_FITTING: dict[type, tuple[type[answers.Answer], ...]] = {
    Confirm: (answers.Approve, answers.Reject, answers.Respond, answers.Advise),
    Approval: (
        answers.Approve,
        answers.Reject,
        answers.Respond,
        answers.Abstain,
        answers.BreakGlass,
        answers.Advise,
    ),
    UserInput: (answers.Provide, answers.Reject, answers.Respond),
    External: (answers.Report, answers.Reject, answers.Respond),
    Review: (answers.Accept, answers.EditResult, answers.Reject, answers.Retry, answers.Advise),
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
    answer = _read(requirement, call, answer)
    _check(requirement, call, answer)
    args: dict[str, Any] | None = None
    if isinstance(answer, answers.Approve) and answer.args is not None:
        return _edited(requirement, call, answer, answer.args, tool, rejudge)
    if isinstance(answer, answers.Provide):
        args = _filled_in(requirement, call, answer.values, tool)
    if args is not None and canonical(args) == canonical(call.args):
        args = None
    event = AnswerRecorded(requirement.requirement_id, answer, requirement.digest, args)
    return event, None if args is None else rejudge(args)


def _check(requirement: Requirement, call: Call, answer: answers.Answer) -> None:
    """What an answer says beside arguments, against what the question takes."""
    match answer:
        case answers.Approve(grant=terms) if terms is not None:
            _check_grant(requirement, terms)
        case answers.Report(error=error) if error is not None:
            _check_error(requirement, answer)
        case answers.Report(result):
            _check_result(requirement.question, result)
        case answers.BreakGlass(note):
            _check_reason(requirement, note)
        case answers.EditResult(result) | answers.Respond(result):
            _check_alone(requirement)
            for gate in call.verdict.gates:
                _check_result(gate, result)
        case answers.Retry():
            _check_retries(requirement, call)
        case _:
            pass


def _read(requirement: Requirement, call: Call, answer: answers.Answer) -> answers.Answer:
    """The answer as plain JSON values of this process's own, through the strict reader that a model's text passes."""
    fitting = _FITTING[type(requirement.question)]
    if not may_substitute(call):
        fitting = tuple(kind_of for kind_of in fitting if kind_of is not answers.Respond)
    if not isinstance(answer, fitting):
        words = " or ".join(str(kind_of.__struct_config__.tag) for kind_of in fitting)
        given = answer.__struct_config__.tag
        _refuse(requirement, f"{given} does not answer a question of kind {requirement.kind}", f"it takes {words}")
    if answer.note is not None and not (isinstance(answer.note, str) and len(answer.note) <= NOTE_LIMIT):
        _refuse(requirement, f"the note is not a text of at most {NOTE_LIMIT} characters", "shorten it")
    values = msgspec.structs.asdict(answer)
    terms = _terms(requirement, values.pop("grant", None))
    for name in ("args", "values"):
        if values.get(name) is not None and not isinstance(values[name], dict):
            _refuse(requirement, f"{name} is no mapping of names to values", "give a dict")
    plain = _readable(requirement, values)
    if plain.get("args") is not None:  # who was shown a mask, and left it, changes nothing of what is under it
        plain["args"] = unmasked(plain["args"], requirement.sensitive, requirement.args)
    if isinstance(answer, answers.Provide) and isinstance(requirement.question, UserInput):
        # A field left empty (None) is not given: the tool's default applies.
        required = set(requirement.question.schema.get("required", ()))
        plain["values"] = {k: v for k, v in plain["values"].items() if v is not None or k in required}
    plain_answer = type(answer)(**plain)
    return plain_answer if terms is None else msgspec.structs.replace(plain_answer, grant=terms)


def _edited(
    requirement: Requirement,
    call: Call,
    answer: answers.Answer,
    args: dict[str, Any],
    tool: AnyTool | None,
    rejudge: Rejudge,
) -> tuple[AnswerRecorded, Verdict | None]:
    """What a form will ask for may be left out, if the policies still ask for it with these arguments."""
    if tool is None:
        _refuse(
            requirement,
            f"the arguments of {call.tool} cannot be checked here",
            "name the application that knows the tool (--app module:engine)",
        )
    args = args if tool.dynamic else tool.completed(args)
    event = AnswerRecorded(requirement.requirement_id, answer, requirement.digest)
    if canonical(args) == canonical(call.args):
        return event, None
    problems = _not_editable(requirement, call, args)
    problems = problems or tool.problems(args, except_for=form_fields(call.verdict, call.parameters) - args.keys())
    verdict = rejudge(args) if not problems else None
    if verdict is not None:
        problems = tool.problems(args, except_for=form_fields(verdict, call.parameters) - args.keys())
    if problems:
        msg = f"the edited arguments do not fit {call.tool}"
        raise AnswerRefused(msg, _told(requirement, problems), help="nothing was stored")
    return msgspec.structs.replace(event, args=args), verdict


def _not_editable(requirement: Requirement, call: Call, args: dict[str, Any]) -> tuple[str, ...]:
    """What the policy does not let an approver change."""
    question = requirement.question
    if not isinstance(question, Approval | Confirm):
        return ()
    before = call.args or {}
    return edit_problems(question.edit, before if call.proposed is None else call.proposed, before, args)


def _told(requirement: Requirement, problems: Sequence[str]) -> tuple[str, ...]:
    """Without a word on values that nobody is shown."""
    hidden = {place.partition(".")[0] for place in requirement.sensitive}
    told = (f"{name}: it does not fit" if name in hidden else one for one in problems for name in [_named(one)])
    return tuple(dict.fromkeys(told))


def _named(problem: str) -> str:
    return re.split(r"[.:\[/ ]", problem, maxsplit=1)[0]


def _terms(requirement: Requirement, given: object) -> answers.GrantTerms | None:
    """What is to be remembered, with the types that it should have."""
    if given is None:
        return None
    try:
        return msgspec.convert(msgspec.to_builtins(given), answers.GrantTerms, strict=True)
    except (msgspec.ValidationError, TypeError) as error:
        _refuse(requirement, f"the grant cannot be read: {error}", "give GrantTerms(scope='run', uses=3)")


def _check_grant(requirement: Requirement, terms: answers.GrantTerms) -> None:
    question = requirement.question
    offer = question.grant if isinstance(question, Approval | Confirm) else None
    why = grants_fit(offer, terms)
    if why:
        _refuse(requirement, why, "answer without a grant, or with a narrower one")


def _check_reason(requirement: Requirement, note: str | None) -> None:
    if not (note and note.strip()):
        _refuse(requirement, "breaking the glass needs a reason", "say why in the note")


def _check_alone(requirement: Requirement) -> None:
    if reject_quorum_of(requirement) > 1:
        why = "one person alone does not decide this, so one alone gives no result instead"
        _refuse(requirement, why, "reject it; others may, too")


def _filled_in(
    requirement: Requirement, call: Call, values: dict[str, Any], tool: AnyTool | None
) -> dict[str, Any] | None:
    """The call's arguments with the form's; None when the form asks for none of them."""
    question = requirement.question
    if not isinstance(question, UserInput):
        return None
    problems = form(question.schema).problems(values)
    if problems:
        msg = "the form is not filled in correctly"
        raise AnswerRefused(msg, problems, help="nothing was stored; it can be answered again")
    own = form_arguments(question, call.parameters)
    if not own:
        return None
    args = {name: value for name, value in (call.args or {}).items() if name not in own}
    args |= {name: value for name, value in {**call.defaults, **values}.items() if name in own}
    asked_later = form_fields(call.verdict, call.parameters) - own
    problems = () if tool is None else tool.problems(args, except_for=asked_later)
    if problems:
        msg = f"the values do not fit {call.tool}"
        raise AnswerRefused(msg, _told(requirement, problems), help="nothing was stored")
    return args


def _readable(requirement: Requirement, values: dict[str, Any]) -> dict[str, Any]:
    """People's values pass the same strict reader as a model's: no NaN, no huge integers, no depth."""
    try:
        return read_arguments(json.dumps(values, ensure_ascii=False, allow_nan=False))
    except HitlError as error:
        _refuse(requirement, error.message, "nothing was stored; it can be answered again")
    except (TypeError, ValueError, RecursionError) as error:
        _refuse(requirement, f"the answer cannot be written as JSON: {error}", "use plain JSON values")


def _check_retries(requirement: Requirement, call: Call) -> None:
    if call.substituted:
        why = "a person gave this result instead of the call, which does not run"
        _refuse(requirement, why, "accept the result, give another one, or reject it")
    allowed = requirement.question.retries if isinstance(requirement.question, Review) else 0
    if requirement.execution > allowed:
        why = f"it ran {requirement.execution} times, and the policy lets it run again {allowed} times"
        _refuse(requirement, why, "accept the result, give another one, or reject it")


def _check_error(requirement: Requirement, answer: answers.Report) -> None:
    """A system that failed has no result; whatever it says is for the model to read."""
    if answer.result is not None:
        _refuse(requirement, "it has both a result and an error", "report one of them")
    if not (isinstance(answer.error, str) and 0 < len(answer.error.strip()) <= NOTE_LIMIT):
        _refuse(requirement, f"the error is no text of 1 to {NOTE_LIMIT} characters", "say it shortly")


def _check_result(question: object, result: Any) -> None:
    """Against all that the question, or gate, and its route say of results."""
    if not isinstance(question, External):
        return
    problems = dict.fromkeys(one for schema in question.result_schemas for one in value_problems(schema, result))
    if problems:
        msg = f"the result does not fit the schema of route {question.route}"
        raise AnswerRefused(msg, tuple(problems), help="nothing was stored; it can be reported again")


def _refuse(requirement: Requirement, why: str, then: str) -> NoReturn:
    msg = f"{requirement.requirement_id}: {why}"
    raise AnswerRefused(msg, help=then)
