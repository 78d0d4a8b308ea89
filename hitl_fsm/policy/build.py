"""From a `PolicyDocument` to a `CompiledPolicy`: what types cannot say is checked here, each finding at its place."""

from __future__ import annotations

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import Reason
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.condition import Condition, ConditionError, compile_condition
from hitl_fsm.policy.data import data_problem
from hitl_fsm.policy.document import PolicyDocument, Rule
from hitl_fsm.policy.evaluate import CompiledPolicy, CompiledRule
from hitl_fsm.policy.examples import Trial
from hitl_fsm.policy.gates import GateReader
from hitl_fsm.policy.schemas import SchemaFiles
from hitl_fsm.policy.source import Path, Source
from hitl_fsm.policy.subject_names import Names, names_of, narrowed

_CODES = {"name": Code.UNKNOWN_NAME, "not_boolean": Code.NOT_BOOLEAN}


class Builder:
    """Builds one document; `findings` has everything that is wrong with it."""

    def __init__(self, source: Source, document: PolicyDocument, files: SchemaFiles) -> None:
        self.source = source
        self.document = document
        self.findings: list[Diagnostic] = []
        self.gates = GateReader(source, files, document.owner, self.findings)

    def note(self, code: Code, message: str, path: Path, *, key: bool = False, help: str | None = None) -> None:  # noqa: A002
        """Add a finding at a path of the file."""
        self.findings.append(self.source.diagnostic(code, message, self.source.node(path, key=key), help))

    def build(self) -> CompiledPolicy:
        """The policy; of use only if `findings` stayed empty."""
        document = self.document
        names = self._names()
        if (problem := data_problem(document.vars)) is not None:
            self.note(Code.WRONG_VALUE, f"`vars` cannot be used in conditions: {problem}", ("vars",))
        self._own_words()
        self._unique_ids()
        rules = tuple(self._rule(index, rule, names) for index, rule in enumerate(document.rules))
        place = self.source.node(("default",), key=True)
        return CompiledPolicy(
            name=document.name,
            tools=names.tools,
            shadow=document.mode == "shadow",
            default=Reason(document.name, "default", document.default, self.source.file, place.line),
            batch=document.batch,
            on_change=document.on_change,
            variables=document.vars,
            rules=rules,
            steps=names.steps,
            agents=names.agents,
            on_error=None
            if document.on_error == "deny"
            else self.gates.on_error(document.on_error.approval, ("on_error", "approval")),
        )

    def _names(self) -> Names:
        document = self.document
        if document.tools is None and document.steps is None and document.agents is None:
            help_text = 'name the tools it covers: tools: ["payments.*"]; or `steps`, or `agents`'
            self.note(Code.MISSING_KEY, "`tools` is missing", (), help=help_text)
        return names_of(self.source, document, (), self.findings)

    def _own_words(self) -> None:
        """Reasons name the engine's own word `engine/…`, and a policy's own word for what no rule matched `default`."""
        taken = "this name is taken: reasons and the record use it for the {}'s own word"
        if self.document.name == "engine":
            self.note(Code.WRONG_VALUE, taken.format("engine"), ("name",), help="name it after what it covers")
        for index, rule in enumerate(self.document.rules):
            if rule.id == "default":
                path = ("rules", index, "id")
                self.note(Code.WRONG_VALUE, taken.format("policy"), path, help="name it after what it is for")

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

    def _rule(self, index: int, rule: Rule, covered: Names) -> CompiledRule:
        path = ("rules", index)
        names = names_of(self.source, rule, path, self.findings, within=covered)
        when = self._conditions(rule.when, (*path, "when"))
        unless = self._conditions(rule.unless, (*path, "unless"))
        demand = self.gates.read(rule.gate, (*path, "gate"))
        line = self.source.node((*path, "id"), key=True).line
        where = (self.source.file, line)
        reason = Reason(self.document.name, rule.id, demand.effect, *where, demand.note, rule.description or "")
        compiled = CompiledRule(
            reason=reason,
            tools=names.tools,
            when=when,
            unless=unless,
            denies=demand.denies,
            audit=demand.audit,
            gates=demand.gates,
            severity=rule.severity,
            steps=names.steps,
            agents=names.agents,
        )
        if len(when) == len(rule.when) and len(unless) == len(rule.unless):
            trial = Trial(self.source, compiled, narrowed(names, covered), self.document.vars, self.findings)
            for key, wanted in (("match", True), ("not_match", False)):
                for number, example in enumerate(getattr(rule.examples, key)):
                    trial.run(example, (*path, "examples", key, number), wanted=wanted)
        return compiled

    def _conditions(self, texts: list[str], path: Path) -> tuple[Condition, ...]:
        compiled: list[Condition] = []
        for index, text in enumerate(texts):
            node = self.source.node((*path, index))
            try:
                compiled.append(compile_condition(text, self.document.vars).at(node.line, node.column))
            except ConditionError as error:
                for problem in error.problems:
                    line, column = self.source.locate(node, problem.offset)
                    code = _CODES.get(problem.kind, Code.CONDITION)
                    self.findings.append(
                        self.source.at(code, problem.text, line, column, width=problem.width, help=problem.help)
                    )
        return tuple(compiled)


def build(source: Source, document: PolicyDocument, files: SchemaFiles) -> tuple[CompiledPolicy, list[Diagnostic]]:
    """Compile one document."""
    builder = Builder(source, document, files)
    policy = builder.build()
    return policy, builder.findings
