"""From what a model wrote to calls with verdicts. Everything here is untrusted until it is read and judged (law 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_fsm.errors import HitlError
from hitl_fsm.model.action import Action
from hitl_fsm.model.event import ProposedCall
from hitl_fsm.model.message import ModelReply, ToolCall
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import UserInput, Verdict
from hitl_fsm.policy.ask_user import ask_user_schema
from hitl_fsm.policy.evaluate import PolicySet, join
from hitl_fsm.runtime.arguments import read_arguments
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.tools import AnyTool

RAW_ECHO_LIMIT = 2_000
"""Characters of unreadable argument text that go back to the model and into the log."""
CALLS_PER_TURN = 128
"""Calls that one model reply may ask for; the rest are denied."""


def judge_args(parts: Parts, policies: PolicySet, run: Run, tool: str, args: dict[str, Any]) -> Verdict:
    """The verdict on one action of a run, at this instant."""
    action = Action(tool=tool, args=args, user=run.user, now=parts.clock.now(), run_id=run.run_id, agent=run.name)
    return policies.evaluate(action, default=parts.default)


def judge_reply(
    parts: Parts, tools: Mapping[str, AnyTool], run: Run, reply: ModelReply
) -> tuple[tuple[ProposedCall, ...], dict[str, Verdict]]:
    """Read and judge every call of a reply; what cannot be read or judged comes back as a problem, never as a call."""
    proposed: list[ProposedCall] = []
    verdicts: dict[str, Verdict] = {}
    for index, call in enumerate(reply.calls):
        call_id = f"{run.turn + 1}.{index}"
        if index >= CALLS_PER_TURN:
            problem = f"More than {CALLS_PER_TURN} calls in one turn."
            proposed.append(_unusable(call_id, call, problem))
            continue
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
    if tool.dynamic:
        verdict = _judge_question(parts, run, args)
        if isinstance(verdict, str):
            return _unusable(call_id, call, verdict), None
        return _usable(call_id, call, tool, args), verdict
    verdict = judge_args(parts, parts.policies, run, call.tool, tool.completed(args))
    form_args = form_arguments(verdict, tool)
    problems = tool.problems(args, except_for=form_args)
    if problems:
        return _unusable(call_id, call, f"The arguments do not fit {call.tool}: {'; '.join(problems)}."), None
    kept = {name: value for name, value in tool.completed(args).items() if name not in form_args}
    return _usable(call_id, call, tool, kept, form_args), verdict


def form_arguments(verdict: Verdict, tool: AnyTool) -> tuple[str, ...]:
    """The tool's arguments that a person fills in; a model's values for them never count (law 9)."""
    fields = [
        name for gate in verdict.gates if isinstance(gate, UserInput) for name in gate.schema.get("properties", {})
    ]
    return tuple(name for name in dict.fromkeys(fields) if name in tool.parameters)


def _judge_question(parts: Parts, run: Run, args: dict[str, Any]) -> Verdict | str:
    """A verdict on `ask_user`, whose gate is the question itself beside what policies add; a text if it is none."""
    try:
        gate = UserInput(ask_user_schema(args))
    except HitlError as error:
        return f"{error.message}."
    asked = Verdict("gated", gates=(gate,), policy_digest=parts.policies.digest)
    if not parts.policies.covers("ask_user"):
        return asked
    return join(judge_args(parts, parts.policies, run, "ask_user", args), asked)


def _usable(
    call_id: str, call: ToolCall, tool: AnyTool, args: dict[str, Any], form_args: tuple[str, ...] = ()
) -> ProposedCall:
    return ProposedCall(
        call_id=call_id,
        provider_id=call.provider_id,
        tool=call.tool,
        args=args,
        raw=call.arguments,
        tool_version=tool.version,
        idempotent=tool.idempotent,
        dynamic=tool.dynamic,
        form_args=form_args,
        form_defaults={name: value for name, value in tool.completed({}).items() if name in form_args},
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
