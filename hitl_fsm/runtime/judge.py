"""From what a model wrote to calls with verdicts. Everything here is untrusted until it is read and judged (law 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.core.gates import form_arguments
from hitl_fsm.errors import HitlError
from hitl_fsm.model.action import Action
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import ProposedCall
from hitl_fsm.model.message import ModelReply, ToolCall
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import UserInput, Verdict
from hitl_fsm.policy.ask_user import ask_user_schema
from hitl_fsm.policy.evaluate import PolicySet, join
from hitl_fsm.runtime.arguments import read_arguments
from hitl_fsm.runtime.parts import Default, Parts
from hitl_fsm.runtime.tools import AnyTool

RAW_ECHO_LIMIT = 2_000
"""Characters of unreadable argument text that go back to the model and into the log."""


_decode = msgspec.json.Decoder(Verdict).decode


class Subject(NamedTuple):
    """Whose arguments are judged: a tool by its name, or the built-in question to a person."""

    tool: str
    dynamic: bool = False


def judge(parts: Parts, policies: PolicySet, run: Run, subject: Subject, args: dict[str, Any]) -> Verdict:
    """The verdict on one action of a run, at this instant; ToolError if a question to a person makes no sense."""
    return _own_copy(judge_action(policies, action_of(run, subject, args, parts.clock.now()), subject, parts.default))


def action_of(run: Run, subject: Subject, args: dict[str, Any], now: int) -> Action:
    """What is put to the policies for a call of this run."""
    agent = run.name if run.kind == "agent" else ""  # a callable's run is nobody's
    return Action(tool=subject.tool, args=args, user=run.user, now=now, run_id=run.run_id, agent=agent)


def judge_action(policies: PolicySet, action: Action, subject: Subject, default: Default) -> Verdict:
    """The verdict on an action, whenever it happens or happened.

    The gate of a question to a person is the question itself, beside what policies add; ToolError if it makes no sense.
    """
    if not subject.dynamic:
        return policies.evaluate(action, default=default)
    asked = Verdict("gated", gates=(UserInput(ask_user_schema(action.args)),), policy_digest=policies.digest)
    if not policies.covers(action.tool, agent=action.agent):
        return asked
    return join(policies.evaluate(action, default=default), asked)


def _own_copy(verdict: Verdict) -> Verdict:
    """Readers of a run get its forms; what they do to them must not reach the policies."""
    gates = verdict.gates if verdict.would is None else (*verdict.gates, *verdict.would.gates)
    if any(getattr(gate, "schema", None) or getattr(gate, "result_schema", None) for gate in gates):
        return _decode(msgspec.json.encode(verdict))
    return verdict


def judge_now(parts: Parts, run: Run, call: Call) -> Verdict:
    """The stricter of then and now (law 15); the call's verdict itself when nothing changed, or when it is pinned."""
    policies, then = parts.policies, call.verdict
    by_default = any(reason.policy == "engine" for reason in then.reasons)
    if (then.policy_digest == policies.digest and not by_default) or then.on_change == "pin" or call.args is None:
        return then
    joined = join(then, judge(parts, policies, run, Subject(call.tool, call.dynamic), call.args))
    return then if _demands(joined) == _demands(then) else joined


def _demands(verdict: Verdict) -> tuple[object, ...]:
    """What a verdict asks for, without why and by which policies."""
    return verdict.outcome, verdict.gates, verdict.audit, verdict.batch


def judge_reply(
    parts: Parts, tools: Mapping[str, AnyTool], run: Run, reply: ModelReply
) -> tuple[tuple[ProposedCall, ...], dict[str, Verdict]]:
    """Read and judge every call of a reply; what cannot be read or judged comes back as a problem, never as a call."""
    proposed: list[ProposedCall] = []
    verdicts: dict[str, Verdict] = {}
    for index, call in enumerate(reply.calls):
        call_id = f"{run.turn + 1}.{index}"
        one, verdict = _judge_call(parts, tools, run, call_id, call)
        proposed.append(one)
        if verdict is not None:
            verdicts[call_id] = verdict
    return tuple(proposed), verdicts


def _judge_call(
    parts: Parts, tools: Mapping[str, AnyTool], run: Run, call_id: str, call: ToolCall
) -> tuple[ProposedCall, Verdict | None]:
    tool = tools.get(call.tool)
    if tool is None:
        known = ", ".join(tools) or "none"
        return _unusable(call_id, call, f"There is no tool {call.tool[:80]!r}. Tools: {known}."), None
    try:
        args = read_arguments(call.arguments)
    except HitlError as error:
        return _unusable(call_id, call, f"{error.message}."), None
    subject = Subject(tool.name, tool.dynamic)
    try:
        verdict = judge(parts, parts.policies, run, subject, args if tool.dynamic else tool.completed(args))
    except HitlError as error:
        return _unusable(call_id, call, f"{error.message}."), None
    if tool.dynamic:
        return _usable(call_id, call, tool, args), verdict
    asked = form_fields(verdict, tool.parameters)
    problems = tool.problems(args, except_for=asked)
    if problems:
        return _unusable(call_id, call, f"The arguments do not fit {call.tool}: {'; '.join(problems)}."), None
    kept = {name: value for name, value in tool.completed(args).items() if name not in asked}
    return _usable(call_id, call, tool, kept), verdict


def form_fields(verdict: Verdict, parameters: Sequence[str]) -> frozenset[str]:
    """The arguments that the verdict's forms ask a person for."""
    return frozenset().union(*(form_arguments(gate, parameters) for gate in verdict.gates))


def _usable(call_id: str, call: ToolCall, tool: AnyTool, args: dict[str, Any]) -> ProposedCall:
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
