"""From a `PolicyDocument` to a `CompiledPolicy`: what types cannot say is checked here, each finding at its place."""

from __future__ import annotations

from datetime import UTC, datetime

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Reason
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.condition import (
    Condition,
    ConditionError,
    ConditionProblem,
    Scope,
    compile_condition,
    data_problem,
)
from hitl_fsm.policy.document import Example, PolicyDocument, Rule
from hitl_fsm.policy.evaluate import CompiledPolicy, CompiledRule
from hitl_fsm.policy.gates import GateReader
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.patterns import is_glob, is_pattern, matches
from hitl_fsm.policy.schemas import SchemaFiles
from hitl_fsm.policy.source import Path, Source

_CODES = {"name": Code.UNKNOWN_NAME, "not_boolean": Code.NOT_BOOLEAN}
_EXAMPLE_INSTANT = 1_767_225_600_000  # 2026-01-01T00:00:00Z: an example without `now` has to be the same every day


class Builder:
    """Builds one document; `findings` has everything that is wrong with it."""

    def __init__(self, source: Source, document: PolicyDocument, files: SchemaFiles) -> None:
        self.source = source
        self.document = document
        self.findings: list[Diagnostic] = []
        self.gates = GateReader(source, files, self.findings)

    def note(self, code: Code, message: str, path: Path, *, key: bool = False, help: str | None = None) -> None:  # noqa: A002
        """Add a finding at a path of the file."""
        self.findings.append(self.source.diagnostic(code, message, self.source.node(path, key=key), help))

    def build(self) -> CompiledPolicy:
        """The policy; of use only if `findings` stayed empty."""
        document = self.document
        tools = self._tools()
        if (problem := data_problem(document.vars)) is not None:
            self.note(Code.WRONG_VALUE, f"`vars` cannot be used in conditions: {problem}", ("vars",))
        self._unique_ids()
        rules = tuple(self._rule(index, rule, tools) for index, rule in enumerate(document.rules))
        place = self.source.node(("default",), key=True)
        return CompiledPolicy(
            name=document.name,
            tools=tools,
            shadow=document.mode == "shadow",
            default=Reason(document.name, "default", document.default, self.source.file, place.line),
            batch=document.batch,
            on_change=document.on_change,
            variables=document.vars,
            rules=rules,
        )

    def _tools(self) -> tuple[str, ...]:
        tools = self.document.tools
        if tools is None:
            if self.document.steps is None and self.document.agents is None:
                self.note(
                    Code.MISSING_KEY, "`tools` is missing", (), help='name the tools it covers: tools: ["payments.*"]'
                )
            return ()
        return tuple(tool for index, tool in enumerate(tools) if self._is_pattern(tool, ("tools", index)))

    def _is_pattern(self, tool: str, path: Path) -> bool:
        if is_pattern(tool):
            return True
        self.note(
            Code.TOOLS,
            f"{tool!r} is not a tool pattern",
            path,
            help="letters, digits, `_ . : / -`, and `*` for any text",
        )
        return False

    def _unique_ids(self) -> None:
        lines: dict[str, int] = {}
        for index, rule in enumerate(self.document.rules):
            if rule.id in lines:
                message = f"the rule id `{rule.id}` stands twice"
                self.note(
                    Code.DUPLICATE_RULE,
                    message,
                    ("rules", index, "id"),
                    help=f"the first one is on line {lines[rule.id]}",
                )
            lines.setdefault(rule.id, self.source.node(("rules", index, "id")).line)

    def _rule(self, index: int, rule: Rule, covered: tuple[str, ...]) -> CompiledRule:
        path = ("rules", index)
        tools = self._rule_tools(rule, covered, path)
        when = self._conditions(rule.when, (*path, "when"))
        unless = self._conditions(rule.unless, (*path, "unless"))
        demand = self.gates.read(rule.gate, (*path, "gate"))
        line = self.source.node((*path, "id"), key=True).line
        reason = Reason(self.document.name, rule.id, demand.effect, self.source.file, line, demand.note)
        compiled = CompiledRule(reason, tools, when, unless, demand.denies, demand.audit, demand.gates, rule.severity)
        if len(when) == len(rule.when) and len(unless) == len(rule.unless):
            self._examples(rule, compiled, tools or covered, path)
        return compiled

    def _rule_tools(self, rule: Rule, covered: tuple[str, ...], path: Path) -> tuple[str, ...]:
        for index, tool in enumerate(rule.tools or ()):
            here = (*path, "tools", index)
            if self._is_pattern(tool, here) and covered and not any(matches(pattern, tool) for pattern in covered):
                hint = did_you_mean(tool, covered) or f"it covers: {', '.join(covered[:5])}"
                self.note(Code.TOOLS, f"the policy does not cover `{tool}`", here, help=hint)
        return tuple(rule.tools or ())

    def _conditions(self, texts: list[str], path: Path) -> tuple[Condition, ...]:
        compiled: list[Condition] = []
        for index, text in enumerate(texts):
            node = self.source.node((*path, index))
            try:
                compiled.append(compile_condition(text, self.document.vars))
            except ConditionError as error:
                for problem in error.problems:
                    line, column = self.source.locate(node, problem.offset)
                    code = _CODES.get(problem.kind, Code.CONDITION)
                    self.findings.append(
                        self.source.at(code, problem.text, line, column, width=problem.width, help=problem.help)
                    )
        return tuple(compiled)

    def _examples(self, rule: Rule, compiled: CompiledRule, tools: tuple[str, ...], path: Path) -> None:
        for key, wanted in (("match", True), ("not_match", False)):
            examples: list[Example] = getattr(rule.examples, key)
            for index, example in enumerate(examples):
                here = (*path, "examples", key, index)
                self._example(example, compiled, tools, here, wanted=wanted)

    def _example(
        self, example: Example, compiled: CompiledRule, tools: tuple[str, ...], path: Path, *, wanted: bool
    ) -> None:
        action = self._action(example, tools, path)
        if action is None:
            return
        answer = compiled.applies(Scope(action), self.document.vars)
        rule = compiled.reason.rule
        if isinstance(answer, ConditionProblem):
            help_text = "in a run, this would deny the action; `has(args.NAME)` asks whether an argument is there"
            self.note(
                Code.EXAMPLE, f"`{rule}` cannot be evaluated on this example: {answer.text}", path, help=help_text
            )
        elif answer is not wanted:
            verb = "does not match" if wanted else "matches"
            self.note(Code.EXAMPLE, f"`{rule}` {verb} this example", path, help=f"it is listed under `{path[-2]}`")

    def _action(self, example: Example, tools: tuple[str, ...], path: Path) -> Action | None:
        tool = example.tool
        if tool is not None and not any(matches(pattern, tool) for pattern in tools):
            self.note(Code.EXAMPLE, f"the rule is not for the tool `{tool}`", (*path, "tool"))
            return None
        if tool is None:
            named = [pattern for pattern in tools if not is_glob(pattern)]
            tool = named[0] if named else (tools[0].replace("*", "example") if tools else "example")
        instant = _EXAMPLE_INSTANT
        if example.now is not None:
            try:
                moment = datetime.fromisoformat(example.now)
            except ValueError:
                self.note(
                    Code.WRONG_VALUE, f"{example.now!r} is not an instant", (*path, "now"), help="2026-01-31T12:00:00Z"
                )
                return None
            instant = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        user = Actor(example.user.id, tuple(example.user.roles), example.user.kind)
        return Action(tool, example.args, user, instant, agent=example.agent, env=example.env)


def build(source: Source, document: PolicyDocument, files: SchemaFiles) -> tuple[CompiledPolicy, list[Diagnostic]]:
    """Compile one document."""
    builder = Builder(source, document, files)
    policy = builder.build()
    return policy, builder.findings
