"""From what a model wrote to calls with verdicts. Everything here is untrusted until it is read and judged (law 6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from hitl_fsm.core.frames import place_of, turn_of
from hitl_fsm.core.gates import form_arguments
from hitl_fsm.errors import HitlError
from hitl_fsm.model.action import Action, Aspect
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import ProposedCall
from hitl_fsm.model.message import ModelReply, ToolCall
from hitl_fsm.model.paths import call_id, frame_of
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import UserInput, Verdict
from hitl_fsm.policy.ask_user import ask_user_schema
from hitl_fsm.policy.evaluate import PolicySet, join
from hitl_fsm.runtime.parts import Default, Parts
from hitl_fsm.runtime.recipe import Recipe, Standing
from hitl_fsm.runtime.tools.arguments import read_arguments
from hitl_fsm.runtime.tools.tool import AnyTool

RAW_ECHO_LIMIT = 2_000
"""Characters of unreadable argument text that go back to the model and into the log."""


_decode = msgspec.json.Decoder(Verdict).decode


class Subject(NamedTuple):
    """What is judged: a call of a tool, by its name; the built-in question to a person; or a call's `aspects`.

    `frame` is whose call it is.
    """

    tool: str
    dynamic: bool = False
    aspects: tuple[Aspect, ...] = ()
    frame: str = ""


def subject_of(call: Call | ProposedCall) -> Subject:
    """How a call is put to the policies."""
    return Subject(call.tool, call.dynamic, call.aspects, frame_of(call.call_id))


def judge(parts: Parts, policies: PolicySet, run: Run, subject: Subject, args: dict[str, Any]) -> Verdict:
    """The verdict on one action of a run, at this instant; ToolError if a question to a person makes no sense."""
    return own_verdict(judge_action(policies, action_of(run, subject, args, parts.clock.now()), subject, parts.default))


def action_of(run: Run, subject: Subject, args: dict[str, Any], now: int) -> Action:
    """What is put to the policies for a call of this run, as a tool's; a callable's run is nobody's."""
    place = place_of(run, subject.frame)
    return Action(
        tool=subject.tool,
        args=args,
        user=run.user,
        now=now,
        run_id=run.run_id,
        agent=place.agent,
        step=place.step,
        team=place.team,
        workflow=place.workflow,
    )


def judge_action(policies: PolicySet, action: Action, subject: Subject, default: Default) -> Verdict:
    """The verdict on an action, whenever it happens or happened.

    The gate of a question to a person is the question itself, beside what policies add; ToolError if it makes no sense.
    """
    asked = _asked(policies, action) if subject.dynamic else None
    if subject.aspects:
        return _judge_aspects(policies, action, subject.aspects, default, asked)
    if asked is None:
        return policies.evaluate(action, default=default)
    if not policies.covers(action.tool, agent=action.agent):
        return asked
    return join(policies.evaluate(action, default=default), asked)


def _asked(policies: PolicySet, action: Action) -> Verdict:
    return Verdict("gated", gates=(UserInput(ask_user_schema(action.args)),), policy_digest=policies.digest)


def _judge_aspects(
    policies: PolicySet, action: Action, aspects: tuple[Aspect, ...], default: Default, asked: Verdict | None
) -> Verdict:
    """The join of what the policies say of each aspect, and of the question that the call is, where it is one.

    What the application puts side by side (branches of a workflow, a team that is asked as a whole) does not wait for
    its siblings' gates, unless a policy holds all: law 7 is about what a model asks for together.
    """
    step = next((aspect.name for aspect in aspects if aspect.kind == "step"), "")
    verdicts = [] if asked is None else [asked]
    for aspect in aspects:
        match aspect.kind:
            case "tool":
                one = replace(action, tool=aspect.name, step=step or action.step)
            case "step":
                one = replace(action, tool="", step=aspect.name)
            case "start":
                args = {"input": action.args.get("task"), **action.args}  # a member's task is what it is given
                one = replace(action, tool="", step="", agent=aspect.name, args=args)
            case "branch":
                one = replace(action, tool="", step="", agent="")
        verdicts.append(policies.evaluate(one, default=default if aspect.acts else "allow"))
        if aspect.asks is not None:
            verdicts.append(Verdict("gated", gates=(UserInput(aspect.asks),), policy_digest=policies.digest))
    verdict = reduce(join, verdicts)
    beside = any(aspect.beside or aspect.kind in {"step", "branch"} for aspect in aspects)
    return replace(verdict, batch="run_ungated") if beside and verdict.batch == "in_order" else verdict


def own_verdict(verdict: Verdict) -> Verdict:
    """Readers of a run get its forms; what they do to them must not reach the policies."""
    gates = verdict.gates if verdict.would is None else (*verdict.gates, *verdict.would.gates)
    if any(getattr(gate, "schema", None) or getattr(gate, "result_schemas", None) for gate in gates):
        return _decode(msgspec.json.encode(verdict))
    return verdict


def judge_now(parts: Parts, run: Run, call: Call) -> Verdict:
    """The stricter of then and now (law 15); the call's verdict itself when nothing changed, or when it is pinned."""
    policies, then = parts.policies, call.verdict
    by_default = any(reason.policy == "engine" for reason in then.reasons)
    if (then.policy_digest == policies.digest and not by_default) or then.on_change == "pin" or call.args is None:
        return then
    joined = join(then, judge(parts, policies, run, subject_of(call), call.args))
    return then if _demands(joined) == _demands(then) else joined


def outdated(parts: Parts, run: Run) -> tuple[str, ...]:
    """Calls that runs below are at, and of which the policies of now say more: their results have not gone on yet."""
    return tuple(
        call.call_id
        for call in run.calls
        if call.below is not None
        and call.state is CallState.EXECUTING
        and call.judged_by[-1] != parts.policies.digest
        and judge_now(parts, run, call) != call.verdict
    )


def _demands(verdict: Verdict) -> tuple[object, ...]:
    """What a verdict asks for, without why and by which policies."""
    return verdict.outcome, verdict.gates, verdict.audit, verdict.batch


def judge_reply(
    parts: Parts, recipe: Recipe, run: Run, frame: str, reply: ModelReply
) -> tuple[tuple[ProposedCall, ...], dict[str, Verdict]]:
    """Read and judge every call of a frame's reply.

    What cannot be read or judged comes back as a problem, never as a call.
    """
    proposed: list[ProposedCall] = []
    verdicts: dict[str, Verdict] = {}
    turn = turn_of(run, frame) + 1
    for index, call in enumerate(reply.calls):
        name = call_id(frame, turn, index)
        one, verdict = _judge_call(parts, recipe, run, name, call)
        proposed.append(one)
        if verdict is not None:
            verdicts[name] = verdict
    return tuple(proposed), verdicts


def _judge_call(
    parts: Parts, recipe: Recipe, run: Run, call_id: str, call: ToolCall
) -> tuple[ProposedCall, Verdict | None]:
    tool = recipe.tools.get(call.tool)
    if tool is None:
        known = ", ".join(recipe.tools) or "none"
        return _unusable(call_id, call, f"There is no tool {call.tool[:80]!r}. Tools: {known}."), None
    try:
        args = read_arguments(call.arguments)
    except HitlError as error:
        return _unusable(call_id, call, f"{error.message}."), None
    try:
        standing = _in_turn(recipe.standing(tool.name, args), run, frame_of(call_id))
        subject = Subject(tool.name, tool.dynamic, standing.aspects, frame_of(call_id))
        verdict = judge(parts, parts.policies, run, subject, args if tool.dynamic else tool.completed(args))
    except HitlError as error:
        return _unusable(call_id, call, f"{error.message}."), None
    if tool.dynamic:
        return _usable(call_id, call, tool, args, standing), verdict
    asked = form_fields(verdict, tool.parameters)
    problems = tool.problems(args, except_for=asked)
    if problems:
        return _unusable(call_id, call, f"The arguments do not fit {call.tool}: {'; '.join(problems)}."), None
    kept = {name: value for name, value in tool.completed(args).items() if name not in asked}
    return _usable(call_id, call, tool, kept, standing), verdict


def _in_turn(standing: Standing, run: Run, frame: str) -> Standing:
    """From its second turn on a frame's model asks for itself, and what it asks for waits for its turn (law 7)."""
    if turn_of(run, frame) == 0:
        return standing
    return standing._replace(aspects=tuple(replace(aspect, beside=False) for aspect in standing.aspects))


def form_fields(verdict: Verdict, parameters: Sequence[str]) -> frozenset[str]:
    """The arguments that the verdict's forms ask a person for."""
    return frozenset().union(*(form_arguments(gate, parameters) for gate in verdict.gates))


def _usable(call_id: str, call: ToolCall, tool: AnyTool, args: dict[str, Any], standing: Standing) -> ProposedCall:
    return ProposedCall(
        call_id=call_id,
        provider_id=call.provider_id,
        tool=call.tool,
        args=args,
        raw=call.arguments,
        tool_version=tool.version,
        idempotent=tool.idempotent or tool.dynamic,
        dynamic=tool.dynamic,
        parameters=() if tool.dynamic else tool.parameters,
        defaults={} if tool.dynamic else tool.completed({}),
        aspects=standing.aspects,
        below=standing.below,
        sensitive=tool.sensitive,
        money=tool.money,
        subject=tool.subject,
    )


def _unusable(call_id: str, call: ToolCall, problem: str) -> ProposedCall:
    """Kept in the conversation with arguments that every provider takes back, whatever the model had written."""
    return ProposedCall(
        call_id=call_id,
        provider_id=call.provider_id,
        tool=call.tool[:80],
        args=None,
        raw="{}",
        problem=problem[:RAW_ECHO_LIMIT],
    )
