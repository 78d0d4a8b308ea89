"""The next state of a run while one event is being applied.

Local to one `decide`: nobody outside sees it half done, and a raise throws it away whole.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from hitl_fsm.audit.canonical import action_digest, asked_digest
from hitl_fsm.core import facts
from hitl_fsm.core.facts import Told
from hitl_fsm.core.frames import calls_of
from hitl_fsm.core.gates import is_unasked, pending, reviews
from hitl_fsm.core.machine import fire
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model.answer import Resolution
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry, ProposedCall
from hitl_fsm.model.grant import Grant, GrantUse
from hitl_fsm.model.message import Message
from hitl_fsm.model.override import Override
from hitl_fsm.model.paths import START, frame_of
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import (
    CALL_ENDED,
    CallState,
    CallTrigger,
    RequirementTrigger,
    RunState,
    RunTrigger,
)
from hitl_fsm.model.verdict import Verdict

REQUIREMENTS_PER_RUN = 9_999
"""Questions that one run may raise in its life; a further gated call is denied, not asked."""
TOO_MANY = f"This run asked people {REQUIREMENTS_PER_RUN} questions; it may not ask more."
RAN = "It was executed, and its result is withheld. Do not repeat it."
"""What the model reads of a call whose result it does not get."""
NOT_EXECUTED = "It was not executed."
LET_GO = "It had begun, asked a person for something, and was told to let go. Do not repeat it."
"""What it reads instead of a call that had begun and asked."""
RAN_BEFORE = "It had been executed once before, and that result is withheld."
"""What it also reads of a call that was to run again."""


VOID = ""
"""The digest of a pass that counts for no action any more; it still tells who gave it."""
REJECTED_BEFORE = "A person rejected the same before. It was not executed."


def denial(verdict: Verdict) -> str:
    """What the model reads when the policies said no."""
    why = verdict.problem or next((r.note for r in verdict.reasons if r.effect == "deny" and r.note), None)
    by = next((f" {r.policy}/{r.rule}" for r in verdict.reasons if r.effect == "deny"), "")
    return f"Denied by policy{by}{f': {why}' if why else ''}. It was not executed."


def without_effect(call: Call, told: str) -> str:
    """What the model reads of a call that ends before its effect; one that asked a person had begun."""
    return f"{told.removesuffix(NOT_EXECUTED).rstrip()} {LET_GO}" if call.asked else told


def as_text(result: Any) -> str:
    """A call's result as the model reads it: text as it is, anything else as compact JSON."""
    return result if isinstance(result, str) else msgspec.json.encode(result).decode()


def digest_of(run: Run, call: Call, args: dict[str, Any], tool_version: str) -> str:
    """The digest of a call's action, under the policies that were in force when the model asked for it."""
    return action_digest(run.run_id, call.call_id, call.tool, args, tool_version, call.judged_by[0], salt=run.salt)


def _handed_over(call: Call, frame: str) -> Message:
    return Message(
        role="tool",
        content=as_text(call.result),
        provider_id=call.provider_id,
        tool=call.tool,
        frame=frame,
        value=None if isinstance(call.result, str) else call.result,
        outcome=(CallState.OUTCOME_UNKNOWN if call.given_up else call.state).value,
    )


class Draft:
    """A run under change, with the records and messages that the change brings."""

    __slots__ = ("before", "entry", "grant_uses", "grants", "messages", "overrides", "records", "run", "telling")

    def __init__(self, run: Run, entry: Entry, *, telling: bool = True) -> None:
        self.telling = telling
        self.before = run
        self.run = copy(run)  # nobody else holds it until it is done
        self.entry = entry
        self.records: list[Record] = []
        self.messages: list[Message] = []
        self.grants: list[Grant] = []
        self.grant_uses: list[GrantUse] = []
        self.overrides: list[Override] = []

    # -- reading

    def require(self, condition: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
        """IllegalTransition unless the condition holds."""
        if not condition:
            msg = f"a run that is {self.run.state.value} cannot {what} now"
            raise IllegalTransition(msg, help=f"`hitl-fsm runs show {self.run.run_id}` tells where it stands")

    def call(self, call_id: str) -> Call:
        try:
            return self.run.call(call_id)
        except KeyError:
            msg = f"no call {call_id} in turn {self.run.turn} of {self.run.run_id}"
            raise IllegalTransition(msg) from None

    def running(self, call_id: str) -> Call:
        """A call whose own code runs: what comes of it tells nothing of one that waits, or that a frame carries out."""
        call = self.call(call_id)
        runs = call.state is CallState.EXECUTING and call.below is None
        self.require(runs, f"hear what came of {call_id}, which does not run,")
        return call

    def requirement(self, requirement_id: str) -> Requirement:
        for requirement in self.run.requirements:
            if requirement.requirement_id == requirement_id:
                return requirement
        msg = f"no requirement {requirement_id} in turn {self.run.turn} of {self.run.run_id}"
        raise IllegalTransition(msg)

    # -- changing

    def record(
        self, event: str, facts_of: Callable[..., dict[str, Any] | Told] | None = None, *about: Any, **data: Any
    ) -> None:
        """One line for the record: `facts_of(*about)` and `data`. A replay tells nothing, so it computes nothing."""
        if not self.telling:
            return
        found = {} if facts_of is None else facts_of(*about)
        named, contents = found if isinstance(found, Told) else (found, {})
        told = {**named, **data}
        run, subject = self.run, ""
        if contents:
            of = next((one.call_id for one in about if hasattr(one, "call_id")), "")
            subject = facts.subject_of(run, of)
        self.records.append(Record(event, self.entry.at, self.entry.by, run.run_id, told, contents, subject))

    def set_run(self, **changes: Any) -> None:
        for name, value in changes.items():
            force_setattr(self.run, name, value)

    def fire(self, trigger: RunTrigger, why: dict[str, str | None] | None = None, **data: Any) -> None:
        """Move the run and record where to; beside it why."""
        state = fire("run", self.run.state, trigger)
        self.set_run(state=state)
        told = {key: value for key, value in data.items() if value is not None}
        self.record(f"run_{state.value}", facts.moved, trigger, why or {}, **told)

    def replace(self, call: Call, **changes: Any) -> Call:
        changed = msgspec.structs.replace(call, **changes)
        self.set_run(calls=tuple(changed if c.call_id == call.call_id else c for c in self.run.calls))
        return changed

    def move(self, call: Call, trigger: CallTrigger, **changes: Any) -> Call:
        return self.replace(call, state=fire("call", call.state, trigger), **changes)

    def close(self, requirement: Requirement, trigger: RequirementTrigger, resolution: Resolution | None) -> None:
        closed = self.update(msgspec.structs.replace(requirement, resolution=resolution), trigger)
        self.record(f"requirement_{closed.state.value}", facts.closed, closed, self.entry.at)

    def update(self, changed: Requirement, trigger: RequirementTrigger | None = None) -> Requirement:
        """Put a requirement in the place of what it was, moved by the trigger where there is one."""
        if trigger is not None:
            changed = msgspec.structs.replace(changed, state=fire("requirement", changed.state, trigger))
        requirements = (changed if r.requirement_id == changed.requirement_id else r for r in self.run.requirements)
        self.set_run(requirements=tuple(requirements))
        return changed

    # -- calls

    def propose(self, proposed: ProposedCall, **beside: Any) -> None:
        """Take up a call that the model asked for, and judge it. `beside`: what else is known of it (`said`, …)."""
        verdict = self.entry.verdicts.get(proposed.call_id)
        if verdict is None:
            verdict = Verdict("deny", problem=proposed.problem or "no verdict was reached")
        digest = ""
        if proposed.args is not None:
            digest = action_digest(
                self.run.run_id,
                proposed.call_id,
                proposed.tool,
                proposed.args,
                proposed.tool_version,
                verdict.policy_digest,
                salt=self.run.salt,
            )
        call = Call(
            call_id=proposed.call_id,
            provider_id=proposed.provider_id,
            tool=proposed.tool,
            args=proposed.args,
            digest=digest,
            verdict=verdict,
            tool_version=proposed.tool_version,
            idempotent=proposed.idempotent,
            dynamic=proposed.dynamic,
            parameters=proposed.parameters,
            defaults=proposed.defaults,
            judged_by=(verdict.policy_digest,),
            problem=proposed.problem,
            aspects=proposed.aspects,
            below=proposed.below,
            sensitive=proposed.sensitive,
            money=proposed.money,
            subject=proposed.subject,
            **beside,
        )
        self.set_run(calls=(*self.run.calls, call))
        self.judge(call)

    def judge(self, call: Call) -> None:
        """Let the verdict take effect on a call that is proposed, or was judged again before it begins."""
        self.record("call_judged", facts.judged, call)
        if call.problem:
            self.deny(call, f"{call.problem} It was not executed.")
        elif call.verdict.outcome == "deny":
            self.deny(call, denial(call.verdict))
        elif self.was_rejected(call):
            self.deny(call, REJECTED_BEFORE)
        elif pending(call) and self.run.requirement_count >= REQUIREMENTS_PER_RUN:
            self.deny(call, TOO_MANY)
        elif pending(call):
            if call.state is not CallState.GATED:
                self.move(call, CallTrigger.GATED)
        elif call.state is not CallState.AUTHORISED:
            self.authorise(call)

    def authorise(self, call: Call, trigger: CallTrigger = CallTrigger.AUTHORISED) -> None:
        """It may begin; the record says by whose word."""
        self.move(call, trigger)
        self.record("call_authorised", facts.authorised, call)

    def was_rejected(self, call: Call) -> bool:
        """Whether a person rejected the same, in the run from which this one was forked or in this one: no is final.

        What was rejected in this run may be asked again (law 4); it never begins because nobody would be asked now.
        """
        rejected = (*self.run.rejected, *(self.run.refused if self.run.refused and is_unasked(call) else ()))
        return bool(rejected) and asked_digest(call.tool, call.args or {}) in rejected

    def is_refused(self, call: Call) -> bool:
        """Whether a person said no to the same in this run; it may be asked about, and nothing else lets it pass."""
        return bool(self.run.refused) and asked_digest(call.tool, call.args or {}) in self.run.refused

    def edit(self, call: Call, args: dict[str, Any], verdict: Verdict) -> Call:
        """Other arguments: another action, with its own digest and verdict. What a form had added is void, too.

        So is what was passed, for good: who changes it back has not brought back what others said of it.
        """
        digest = digest_of(self.run, call, args, call.tool_version)
        changed: dict[str, Any] = {
            "proposed": call.args if call.proposed is None else call.proposed,
            "editors": tuple(dict.fromkeys((*call.editors, *self.entry.by.persons))),
            "passed": tuple(msgspec.structs.replace(passed, digest=VOID) for passed in call.passed),
        }
        edited = self.replace(call, args=args, digest=digest, verdict=verdict, answers={}, asked=(), told={}, **changed)
        self.record("call_edited", facts.changed, edited, call)
        return edited

    def revise(self, call: Call, verdict: Verdict, tool_version: str) -> Call:
        """The same arguments under changed policies or a changed tool.

        The digest follows the tool, not the policies, so that a gate that was passed still counts where it is still
        asked for (law 15).
        """
        digest = digest_of(self.run, call, call.args or {}, tool_version)
        judged_by = tuple(dict.fromkeys((*call.judged_by, verdict.policy_digest)))
        revised: dict[str, Any] = {"verdict": verdict, "digest": digest, "judged_by": judged_by}
        if tool_version != call.tool_version:  # what another tool asked is no question of this one
            revised |= {"tool_version": tool_version, "asked": (), "told": {}}
        return self.replace(call, **revised)

    def deny(self, call: Call, told: str) -> None:
        """It does not happen; one that a reviewer sent back did happen before, so that it is not said to be undone."""
        if call.retries:
            self.withhold(call, f"{told} {RAN_BEFORE}")
            return
        self.move(call, CallTrigger.DENIED, result=without_effect(call, told))
        self.record("call_denied", call=call.call_id, tool=call.tool, digest=call.digest)

    def finish(self, call: Call, result: Any) -> None:
        """The result is in; where a person has to look at it first, it goes nowhere until then."""
        if call.verdict.outcome == "deny":  # since it began
            held = self.move(call, CallTrigger.HELD, held=result)
            self.withhold(held, f"{denial(call.verdict).removesuffix(NOT_EXECUTED)}{RAN}")
            return
        if reviews(self.run, call):
            self._hold(self.move(call, CallTrigger.HELD, held=result))
            return
        self.move(call, CallTrigger.RETURNED, result=result)
        self.record("call_succeeded", facts.succeeded, call, result)

    def _hold(self, call: Call) -> None:
        self.record("call_held", facts.held, call)
        if self.run.state is RunState.CANCELLED:
            self.withhold(call, f"The run was cancelled. {RAN}")
        elif self.run.requirement_count >= REQUIREMENTS_PER_RUN:
            self.withhold(call, f"{TOO_MANY} {RAN}")

    def release(self, call: Call) -> None:
        """Let a reviewed result go on."""
        self.move(call, CallTrigger.RETURNED, result=call.held, held=None)
        self.record("call_succeeded", facts.succeeded, call, call.held)

    def withhold(self, call: Call, told: str) -> None:
        """Keep a result back for good; the model reads `told` instead."""
        self.move(call, CallTrigger.WITHHELD, result=told, held=None)
        self.record("call_withheld", call=call.call_id, tool=call.tool, digest=call.digest)

    def fail(self, call: Call, told: str) -> None:
        self.move(call, CallTrigger.RAISED, result=f"{told} {RAN_BEFORE}" if call.retries else told)
        self.record("call_failed", facts.failed, call, told)

    def hand_over_results(self) -> None:
        """When the last call of a turn ends, the model gets all results, in the order in which it asked (law 7)."""
        run, before = self.run, self.before
        if run.calls is before.calls:
            return
        ended = {call.call_id for call in before.calls if call.state in CALL_ENDED}
        for path in dict.fromkeys(frame_of(c.call_id) for c in run.calls if c.call_id not in ended):
            calls = calls_of(run, path)
            if all(call.state in CALL_ENDED for call in calls):
                self.messages.extend(_handed_over(call, path) for call in calls if call.call_id != START)
