"""A rule's own examples, tried whenever it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.condition import ConditionProblem, Scope
from hitl_fsm.policy.document import Example
from hitl_fsm.policy.evaluate import CompiledRule
from hitl_fsm.policy.patterns import is_glob
from hitl_fsm.policy.source import Path, Source
from hitl_fsm.policy.subject_names import Names
from hitl_fsm.policy.subjects import named

_INSTANT = 1_767_225_600_000  # 2026-01-01T00:00:00Z: an example without `now` has to be the same every day
_STAND_IN = "example"


class Trial(NamedTuple):
    """One rule and what it is about; what its examples show to be wrong goes into `findings`."""

    source: Source
    rule: CompiledRule
    names: Names
    variables: Mapping[str, Any]
    findings: list[Diagnostic]

    def run(self, example: Example, path: Path, *, wanted: bool) -> None:
        """Try one example, which stands at `path`; `wanted` says whether the rule has to match."""
        action = self.action(example, path)
        if action is None:
            return
        answer = self.rule.applies(Scope(action), self.variables)
        rule = self.rule.reason.rule
        if isinstance(answer, ConditionProblem):
            help_text = "in a run, this would not be allowed; `has(args.NAME)` asks whether an argument is there"
            self._note(Code.EXAMPLE, f"`{rule}` cannot be evaluated on this example: {answer.text}", path, help_text)
        elif answer is not wanted:
            verb = "does not match" if wanted else "matches"
            self._note(Code.EXAMPLE, f"`{rule}` {verb} this example", path, f"it is listed under `{path[-2]}`")

    def _note(self, code: Code, message: str, path: Path, help: str | None = None) -> None:  # noqa: A002
        self.findings.append(self.source.diagnostic(code, message, self.source.node(path), help))

    def action(self, example: Example, path: Path) -> Action | None:
        """What an example stands for; None when it is not for this rule."""
        subject = self._subject(example, path)
        instant = self._instant(example, path)
        if subject is None or instant is None:
            return None
        tool, step, agent = subject
        user = Actor(example.user.id, tuple(example.user.roles), example.user.kind)
        return Action(
            tool,
            example.args,
            user,
            instant,
            agent=agent,
            env=example.env,
            step=step,
            team=example.team,
            workflow=example.workflow,
        )

    def _subject(self, example: Example, path: Path) -> tuple[str, str, str] | None:
        """The tool, the step and the agent of an example, those that it leaves open taken from the rule."""
        names = self.names
        is_step = example.tool is None and bool(names.steps) and bool(example.step or not names.tools)
        tool, step, agent = example.tool or "", example.step, example.agent
        wrong: tuple[str, str] | None = None
        if is_step:
            step = step or _first(names.steps)
            wrong = ("step", step) if not named(names.steps, step) else None
        else:
            tool = tool or _first(names.tools)
            barred = not names.tools and bool(names.steps)
            wrong = ("tool", tool) if barred or (names.tools and not named(names.tools, tool)) else None
        if names.agents:
            agent = agent or _first(names.agents)
            wrong = wrong or (("agent", agent) if not named(names.agents, agent) else None)
        if wrong is not None:
            self._note(Code.EXAMPLE, f"the rule is not for the {wrong[0]} `{wrong[1]}`", (*path, wrong[0]))
            return None
        return tool, step, agent

    def _instant(self, example: Example, path: Path) -> int | None:
        if example.now is None:
            return _INSTANT
        try:
            moment = datetime.fromisoformat(example.now)
        except ValueError:
            self._note(Code.WRONG_VALUE, f"{example.now!r} is not an instant", (*path, "now"), "2026-01-31T12:00:00Z")
            return None
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _first(patterns: Sequence[str]) -> str:
    """The first that names one thing, else something that the first one covers."""
    whole = [pattern for pattern in patterns if not is_glob(pattern)]
    return whole[0] if whole else (patterns[0].replace("*", _STAND_IN) if patterns else _STAND_IN)
