"""What users hold: a run and its requirements, as of the last look at the store.

Answering through a handle is `Engine.resolve`, durable at once; nothing is staged in these objects, and a stale one can
do no harm: the store decides.
"""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from hitl_fsm.core.frames import way_to
from hitl_fsm.model import answer as answers
from hitl_fsm.model.call import Call
from hitl_fsm.model.message import Spent
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement, RequirementKind
from hitl_fsm.model.run import Run, own_copy
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.verdict import External, Review, UserInput
from hitl_fsm.runtime.ground import By
from hitl_fsm.runtime.limits import dollars
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.recipe import Recipe

Opinion = Literal["approve", "reject", "unsure"]


class Answering(Protocol):
    """What a handle needs of the door that it came through (`door.Door`)."""

    async def look(self, run_id: str) -> Run: ...

    async def resolve(self, requirement_id: str, answer: answers.Answer, by: By, digest: str | None) -> Run: ...

    async def withdraw(self, requirement_id: str, by: By, note: str | None) -> Run: ...

    async def revoke(self, requirement_id: str, by: By, note: str | None) -> Run: ...

    def recipe(self, run: Run) -> Recipe | None: ...


class ToolExecution(msgspec.Struct, frozen=True):
    """The action that a requirement is about."""

    tool_name: str
    tool_args: dict[str, Any]
    call_id: str


class Inside(msgspec.Struct, frozen=True):
    """A run inside a run, under way: what a team's member, or what stands in a workflow's step, does.

    `path` leads to it (`("workflow refunds", "step payout", "agent clerk")`), `frame` is its id; its model has taken
    `turn` turns. `waits`: people are asked in it, not counting the runs inside it. `error`: its model failed.
    """

    frame: str
    path: tuple[str, ...]
    kind: str
    name: str
    turn: int
    waits: bool
    error: str | None = None


class RequirementHandle:
    """One question of a run. Each answering method returns the run as the answer left it."""

    __slots__ = ("_owner", "_requirement")

    def __init__(self, owner: RunHandle, requirement: Requirement) -> None:
        self._owner = owner
        self._requirement = requirement

    def __repr__(self) -> str:
        return f"<Requirement {self.id} {self.kind} {self.tool.tool_name} {self.state}>"

    @property
    def value(self) -> Requirement:
        """The requirement itself, frozen."""
        return self._requirement

    @property
    def id(self) -> str:
        return self._requirement.requirement_id

    @property
    def kind(self) -> RequirementKind:
        return self._requirement.kind

    @property
    def state(self) -> RequirementState:
        return self._requirement.state

    @property
    def digest(self) -> str:
        return self._requirement.digest

    @property
    def path(self) -> tuple[str, ...]:
        """The way from the run down to who asks: `("team finance", "agent clerk")`; the run itself alone at its top."""
        return self._requirement.path

    @property
    def tool(self) -> ToolExecution:
        q = self._requirement
        return ToolExecution(q.tool, deepcopy(q.args), q.call_id)

    @property
    def schema(self) -> dict[str, Any] | None:
        """The form's JSON Schema, or the result's, which its route may tell; None where there is none."""
        match self._requirement.question:
            case UserInput(schema):
                return deepcopy(schema)
            case External() as external:
                return deepcopy(next(iter(external.result_schemas), None))
            case _:
                return None

    @property
    def result_schemas(self) -> list[dict[str, Any]]:
        """All that a reported result must fit: what the gate says, then what its route says."""
        question = self._requirement.question
        return deepcopy([*question.result_schemas]) if isinstance(question, External) else []

    @property
    def needs_confirmation(self) -> bool:
        return self.kind in {"confirm", "approval"}

    @property
    def needs_user_input(self) -> bool:
        return self.kind == "user_input"

    @property
    def is_external_tool_execution(self) -> bool:
        return self.kind == "external"

    @property
    def is_silent(self) -> bool:
        """Whether a chat keeps quiet about it: the run waits for a result, and no person is to be told so."""
        question = self._requirement.question
        return isinstance(question, External) and question.silent

    @property
    def needs_review(self) -> bool:
        """The call has run; somebody looks at `result` before the model does."""
        return self.kind == "review"

    @property
    def result(self) -> Any:
        """What a review is about; None for every other question. Untrusted: a tool wrote it."""
        return deepcopy(self._requirement.result)

    @property
    def retries_left(self) -> int:
        """How often a reviewer may still have the call run again."""
        asked = self._requirement
        if asked.substituted or not isinstance(asked.question, Review):
            return 0
        return max(0, asked.question.retries - asked.execution + 1)

    @property
    def is_outcome_unknown(self) -> bool:
        """The process died inside the call; somebody says what happened."""
        return isinstance(self._requirement.question, OutcomeUnknown)

    @property
    def is_resolved(self) -> bool:
        return self.state is not RequirementState.OPEN

    @property
    def votes(self) -> tuple[answers.Vote, ...]:
        """The answers so far, where several people are asked, and what was advised."""
        return self._requirement.votes

    def confirm(
        self,
        by: By = None,
        *,
        note: str | None = None,
        args: dict[str, Any] | None = None,
        grant: answers.GrantTerms | None = None,
    ) -> RunHandle:
        """Yes; `args` replaces the call's arguments (validated, judged again). `grant`: and do not ask again so soon.

        Where several people are asked, it is one vote: the requirement stays open until there are enough.
        """
        return self._answer(answers.Approve(args, note, grant), by)

    def abstain(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """Neither yes nor no."""
        return self._answer(answers.Abstain(note), by)

    def advise(self, opinion: Opinion, by: By = None, *, note: str | None = None) -> RunHandle:
        """What somebody, or some model, thinks of it; people see it, and it never counts."""
        return self._answer(answers.Advise(opinion, note), by)

    def break_glass(self, by: By = None, *, note: str) -> RunHandle:
        """Yes by one person alone in an emergency, where the policy lets this person; somebody looks at it later."""
        return self._answer(answers.BreakGlass(note), by)

    def withdraw(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """Take the own vote back, while the question is open."""
        return run_sync(self._owner.withdraw(self.id, by, note))

    def revoke(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """Take a yes back, until what it allowed begins."""
        return run_sync(self._owner.revoke(self.id, by, note))

    def reject(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """No, for good; the model reads the note."""
        return self._answer(answers.Reject(note), by)

    def respond(self, result: Any, by: By = None, *, note: str | None = None) -> RunHandle:
        """Give this result instead of the call, which then never runs: as final as a no. The model reads the result."""
        return self._answer(answers.Respond(result, note), by)

    def provide_user_input(self, values: dict[str, Any], by: By = None, *, note: str | None = None) -> RunHandle:
        """Fill in the form. AnswerRefused names each field that does not fit; nothing is stored then."""
        return self._answer(answers.Provide(values, note), by)

    def set_external_execution_result(self, result: Any, by: By = None, *, note: str | None = None) -> RunHandle:
        """Report what the outside system returned."""
        return self._answer(answers.Report(result, note), by)

    def set_external_execution_error(self, error: str, by: By = None, *, note: str | None = None) -> RunHandle:
        """Report that the outside system failed: there is no result, and the model reads `error`."""
        return self._answer(answers.Report(None, note, error), by)

    def accept(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """The reviewed result goes on to the model."""
        return self._answer(answers.Accept(note), by)

    def edit_result(self, result: Any, by: By = None, *, note: str | None = None) -> RunHandle:
        """Another result goes on instead of the reviewed one, which stays in the log."""
        return self._answer(answers.EditResult(result, note), by)

    def retry(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """Run the call again, through its gates; a second effect, unless the tool is idempotent."""
        return self._answer(answers.Retry(note), by)

    def it_happened(self, result: Any, by: By = None, *, note: str | None = None) -> RunHandle:
        """The lost call did take effect, with this result."""
        return self._answer(answers.Happened(result, note), by)

    def it_did_not_happen(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """The lost call did not take effect: run it."""
        return self._answer(answers.NotHappened(note), by)

    def give_up(self, by: By = None, *, note: str | None = None) -> RunHandle:
        """Nobody knows; the model is told so."""
        return self._answer(answers.GiveUp(note), by)

    def _answer(self, answer: answers.Answer, by: By) -> RunHandle:
        return run_sync(self._owner.answer(self._requirement, answer, by))


class RunHandle:
    """A run as it was when it was last looked at; `refresh` looks again."""

    __slots__ = ("_door", "_run", "_shown")

    def __init__(self, door: Answering, run: Run) -> None:
        self._door = door
        self._run = run
        self._shown: Run | None = None

    def __repr__(self) -> str:
        return f"<Run {self.run_id} {self.state}>"

    @property
    def value(self) -> Run:
        """The run, frozen; a copy, since what is inside of it (arguments, answers) is not."""
        if self._shown is None or self._shown.version != self._run.version:
            self._shown = own_copy(self._run)
        return self._shown

    @property
    def run_id(self) -> str:
        return self._run.run_id

    @property
    def state(self) -> RunState:
        return self._run.state

    @property
    def version(self) -> int:
        """The last line of its log that this look at the run has."""
        return self._run.version

    @property
    def frames(self) -> tuple[Inside, ...]:
        """The runs inside it that are under way, each after the one above it; those that have ended are in the log."""
        asked = {frame_of(one.call_id) for one in self._run.open_requirements}
        return tuple(
            Inside(one.path, way_to(self._run, one.path), one.kind, one.name, one.turn, one.path in asked, one.error)
            for one in self._run.frames
        )

    @property
    def is_paused(self) -> bool:
        return self._run.is_paused

    @property
    def output(self) -> str | None:
        """The final answer; None until the run is done."""
        return self._run.output

    @property
    def parsed(self) -> Any:
        """The answer as an instance of the agent's `output_schema`.

        None until the run is done, where the agent has no `output_schema`, and where this process does not know it.
        """
        recipe = self._door.recipe(self._run)
        if recipe is None or recipe.output is None or self._run.result is None or self._run.output is None:
            return None
        return recipe.output.parsed(self._run.output)

    @property
    def error(self) -> str | None:
        return self._run.error

    @property
    def usage(self) -> Spent:
        """Tokens, replies and micro-dollars that the run's models took so far."""
        return self._run.usage

    @property
    def cost(self) -> Decimal | None:
        """What they cost so far, in US dollars; None where the price of a reply is not known."""
        return None if self._run.usage.unpriced else dollars(self._run.usage.cost)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of the current turn."""
        return self.value.calls

    @property
    def requirements(self) -> list[RequirementHandle]:
        """The questions of the current turn, answered ones too."""
        return [RequirementHandle(self, r) for r in self.value.requirements]

    @property
    def active_requirements(self) -> list[RequirementHandle]:
        """The open ones."""
        return [RequirementHandle(self, r) for r in self.value.open_requirements]

    def refresh(self) -> RunHandle:
        """Read the run again; returns itself."""
        return run_sync(self.arefresh())

    async def arefresh(self) -> RunHandle:
        self._run = await self._door.look(self.run_id)
        return self

    async def answer(self, requirement: Requirement, answer: answers.Answer, by: By) -> RunHandle:
        """Answer one of this run's questions, bound to the action that this handle shows."""
        self._run = await self._door.resolve(requirement.requirement_id, answer, by, requirement.digest)
        return self

    async def withdraw(self, requirement_id: str, by: By, note: str | None) -> RunHandle:
        """Take a vote on one of this run's questions back."""
        self._run = await self._door.withdraw(requirement_id, by, note)
        return self

    async def revoke(self, requirement_id: str, by: By, note: str | None) -> RunHandle:
        """Take a yes to one of this run's questions back."""
        self._run = await self._door.revoke(requirement_id, by, note)
        return self
