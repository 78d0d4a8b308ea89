"""One payment, whose approval goes any way that people, time and absences can take it; `panel` says what holds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hitl_fsm import Actor, Agent, Engine, tool
from hitl_fsm.errors import HitlError, NotAuthorised, NotRevocable, RequirementExpired
from hitl_fsm.model import answer as answers
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.testing import FrozenClock, ScriptedModel
from house import policies, policy_text
from stateful.panel import RULES, Panel, Who, Word

PEOPLE: dict[str, tuple[str, str | None, set[str]]] = {
    "alice": ("alice", None, {"finance", "legal", "oncall"}),
    "maria": ("maria", None, {"finance"}),
    "mia": ("maria", None, {"finance", "cfo"}),
    "frank": ("frank", None, {"finance", "legal"}),
    "dana": ("dana", "frank", {"finance", "ops"}),
    "dana-herself": ("dana", None, {"ops"}),
    "otto": ("otto", None, {"finance", "ops"}),
    "lena": ("lena", None, {"legal"}),
    "carla": ("carla", None, {"cfo"}),
    "carl": ("carl", None, {"cfo", "ops"}),
    "nina": ("nina", None, {"oncall"}),
    "nobody": ("nobody", None, set()),
}
"""Each sign-in: whose it is, for whom it speaks, with which roles. `mia` is another account of Maria."""
SIGN_INS = st.sampled_from(sorted(PEOPLE))


class Approvals(RuleBasedStateMachine):
    """Whoever tries every answer; it is taken exactly where the reference takes it, and pays only what that pays."""

    def __init__(self) -> None:
        super().__init__()
        self.paid: list[float] = []
        self.left: set[str] = set()
        self.clock = FrozenClock()
        self.engine = Engine(
            policies(policy_text(RULES)), "sqlite:///:memory:", actors=self.signed_in, clock=self.clock
        )
        self.agent = Agent("clerk", self.model(), engine=self.engine, tools=[self.tool()])
        self.run = self.agent.run("go", user="alice")
        self.panel = Panel("alice", self.clock.now())

    def teardown(self) -> None:
        try:
            report = self.engine.audit.verify()
            assert report.intact, report.findings
        finally:
            self.engine.close()

    def model(self) -> ScriptedModel:
        return ScriptedModel([{"calls": [{"tool": "pay", "args": {"amount": 5}}]}, {"say": "the end"}])

    def tool(self) -> Any:
        @tool
        def pay(amount: float) -> str:
            """Pay."""
            self.paid.append(amount)
            return "paid"

        return pay

    def signed_in(self, name: str) -> Actor:
        person, behalf, _ = PEOPLE[name]
        return Actor(name, tuple(sorted(self.roles(name))), person=person, on_behalf_of=behalf)

    def roles(self, name: str) -> set[str]:
        """Whose role is over has it no more, in whatever account."""
        return set() if PEOPLE[name][0] in self.left else PEOPLE[name][2]

    def who(self, name: str) -> Who:
        person, behalf, _ = PEOPLE[name]
        return Who(name, person, frozenset(filter(None, (person, behalf))), frozenset(self.roles(name)))

    # -- what people do

    @rule(name=SIGN_INS, word=st.sampled_from(["approve", "approve", "reject", "abstain"]))
    def votes(self, name: str, word: Word) -> None:
        said: dict[Word, answers.Answer] = {
            "approve": answers.Approve(),
            "reject": answers.Reject(),
            "abstain": answers.Abstain(),
        }
        if self.answered(name, said[word]):
            self.panel.vote(self.who(name), word)

    @rule(name=SIGN_INS, amount=st.integers(4, 6))
    def edits(self, name: str, amount: int) -> None:
        changes = amount != self.panel.amount
        answer = answers.Approve(args={"amount": amount})
        if self.answered(name, answer, edits=changes):
            self.panel.edit(self.who(name), amount)

    @rule(name=SIGN_INS)
    def breaks_the_glass(self, name: str) -> None:
        if self.answered(name, answers.BreakGlass("the ship leaves"), glass=True):
            self.panel.break_glass(self.who(name))

    def answered(self, name: str, answer: answers.Answer, *, edits: bool = False, glass: bool = False) -> bool:
        """Whether the engine took it, which must be what the reference says."""
        question = self.question
        if question is None:
            return False
        self.panel.fire(denies=False)
        try:
            self.engine.resolve(question.requirement_id, answer, by=name)
        except RequirementExpired:
            assert self.panel.is_due
            self.panel.fire()
            return False
        except NotAuthorised:
            assert self.panel.refuses(self.who(name), edits=edits, glass=glass), "it was refused for no reason"
            return False
        assert not self.panel.refuses(self.who(name), edits=edits, glass=glass), "it was taken from who may not"
        return True

    @rule(name=SIGN_INS)
    def takes_the_vote_back(self, name: str) -> None:
        self.sweep()
        if self.question is None:
            return
        had = self.panel.withdraw(self.who(name))
        try:
            self.engine.withdraw(self.question.requirement_id, by=name)
        except NotAuthorised:
            assert not had
        else:
            assert had

    @rule(name=SIGN_INS, stage=st.integers(0, 1))
    def takes_the_yes_back(self, name: str, stage: int) -> None:
        self.sweep()
        given = [r for r in self.now().requirements if r.stage == stage + 1 and r.state is RequirementState.RESOLVED]
        if not given:
            return
        had = self.panel.revoke(self.who(name), stage)
        try:
            self.engine.revoke(given[-1].requirement_id, by=name)
        except (NotAuthorised, NotRevocable):
            assert not had
        else:
            assert had

    @rule(person=st.sampled_from(["maria", "frank", "dana", "otto", "lena"]))
    def loses_or_gets_the_roles(self, person: str) -> None:
        self.left ^= {person}

    @rule()
    def a_model_advises(self) -> None:
        if self.question is None:
            return
        self.panel.fire(denies=False)
        advice = answers.Advise("approve", "looks fine")
        try:
            self.engine.resolve(self.question.requirement_id, advice, by=Actor("gpt", ("finance", "cfo"), "agent"))
        except RequirementExpired:
            self.panel.fire()
        except HitlError as error:
            assert "opinions already" in str(error)

    # -- what time does

    @rule(minutes=st.integers(1, 200), swept=st.booleans())
    def time_goes_on(self, minutes: int, *, swept: bool) -> None:
        self.clock.advance(minutes * 60_000)
        self.panel.wait(minutes * 60_000)
        if swept:
            self.sweep()

    @precondition(lambda self: self.panel.due is not None)
    @rule()
    def its_last_moment_passes(self) -> None:
        left = max((self.panel.due or 0) - self.panel.now, 0)
        self.clock.advance(left)
        self.panel.wait(left)
        self.sweep()

    def sweep(self) -> None:
        self.engine.sweep()
        self.panel.fire()

    @rule()
    def the_run_is_continued(self) -> None:
        self.panel.fire()
        self.agent.continue_run(run_id=self.run.run_id)
        if self.panel.state == "approved":
            self.panel.state = "done"

    # -- what holds

    def now(self) -> Run:
        return self.engine.runs.get(self.run.run_id).value

    @property
    def question(self) -> Requirement | None:
        return next(iter(self.now().open_requirements), None)

    @invariant()
    def only_what_was_approved_is_paid_and_once(self) -> None:
        assert self.paid == ([float(self.panel.amount)] if self.panel.state == "done" else [])

    @invariant()
    def the_question_is_the_same(self) -> None:
        panel, question, run = self.panel, self.question, self.now()
        if panel.state != "asked":
            assert question is None, panel.state
            return
        assert question is not None
        counted = [vote for vote in question.votes if not isinstance(vote.answer, answers.Advise)]
        if panel.is_due:
            return  # nobody has looked at the clock yet
        assert (question.stage - 1, question.escalated) == (panel.stage, panel.level)
        here = [vote for vote in counted if vote.level == question.escalated]
        assert [vote.by.id for vote in here] == [cast.who.id for cast in panel.votes]
        assert question.args == {"amount": panel.amount}
        assert run.state in (RunState.PAUSED, RunState.RESOLVING)
        if panel.votes:
            assert run.state is RunState.RESOLVING
