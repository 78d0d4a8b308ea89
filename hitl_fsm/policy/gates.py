"""From a rule's `gate` to the gates of the model, with the checks of what may stand where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import Approval, Confirm, External, Gate, Review, UserInput
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document import GATE_NAMES, ApprovalGate, GateMapping, ReviewGate, gate_items
from hitl_fsm.policy.join import gate_key
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.schemas import SchemaFiles
from hitl_fsm.policy.source import Path, Source

_ROLE = "role:"
_FALSE_KINDS = ("roles:", "group:", "groups:", "user:", "users:", "actor:", "human:", "id:", "Role:", "ROLE:")


_PLAIN: dict[str, Gate] = {"confirm": Confirm(), "review": Review()}
"""The gates that a word alone is enough for."""


class Demand(NamedTuple):
    """What a rule asks for when it matches; `effect` says it in words."""

    effect: str
    denies: bool
    audit: bool
    gates: tuple[Gate, ...]
    note: str | None


class GateReader:
    """Reads the gates of one file into `findings` and values."""

    def __init__(self, source: Source, files: SchemaFiles, findings: list[Diagnostic]) -> None:
        self._source = source
        self._files = files
        self._findings = findings

    def read(self, field: Any, path: Path) -> Demand:
        """A rule's whole `gate`."""
        kinds: list[str] = []
        gates: dict[str, Gate] = {}
        words: list[str] = []
        note: str | None = None
        items = gate_items(field)
        for below, item in items:
            here = (*path, *below)
            kind = item if isinstance(item, str) else self._kind(item, here)
            if kind is None:
                continue
            kinds.append(kind)
            later = {_named(other) for _, other in items[below[0] + 1 :]} if below else set()
            self._check_position(kind, later, len(items), here)
            if isinstance(item, GateMapping) and item.deny is not None:
                note = item.deny.note
            gate = _PLAIN.get(item) if isinstance(item, str) else self._gate(kind, item, here)
            words.append(describe(gate) if gate is not None else kind)
            if gate is not None:
                gates.setdefault(gate_key(gate), gate)
        return Demand(", ".join(words), "deny" in kinds, "audit" in kinds, tuple(gates.values()), note)

    def _note(self, code: Code, message: str, path: Path, help: str | None = None) -> None:  # noqa: A002
        self._findings.append(self._source.diagnostic(code, message, self._source.node(path, key=True), help))

    def _kind(self, item: GateMapping, path: Path) -> str | None:
        named = [name for name in GATE_NAMES if name in item.model_fields_set]
        if len(named) != 1:
            message = f"one mapping names {len(named)} gates: {', '.join(named)}" if named else "no gate is named"
            self._note(Code.GATE, message, path, "one gate a mapping; several gates are a list")
            return None
        if getattr(item, named[0]) is None:
            word = f"write `gate: {named[0]}`" if named[0] in {"confirm", "review", "deny"} else "give it its details"
            self._note(Code.GATE, f"the gate `{named[0]}` has no details", (*path, named[0]), word)
            return None
        return named[0]

    def _check_position(self, kind: str, later: set[str], count: int, path: Path) -> None:
        if count > 1 and kind in {"allow", "deny"}:
            self._note(Code.GATE, f"`{kind}` stands alone, not in a list with others", path)
        elif kind == "external" and later - {"review"}:
            self._note(
                Code.GATE,
                "`external` must be the last gate",
                path,
                "it carries the call out; only a `review` can follow it",
            )
        elif kind == "review" and later - {"review"}:
            self._note(
                Code.GATE, "`review` must be the last gate", path, "it is about what the call returned; write it last"
            )

    def _gate(self, kind: str, item: Any, path: Path) -> Gate | None:
        if not isinstance(item, GateMapping):
            return None
        here = (*path, kind)
        if item.confirm is not None:
            return Confirm(item.confirm.expires)
        if item.approval is not None:
            return self.approval(item.approval, here)
        if item.user_input is not None:
            form = self._files.resolve(
                self._source, item.user_input.form, (*here, "schema"), self._findings, is_form=True
            )
            of = self._subjects(item.user_input.of, (*here, "of"))
            return UserInput(form or {}, of, item.user_input.expires)
        if item.external is not None:
            external = item.external
            schema = external.result_schema
            if schema is not None:
                schema = self._files.resolve(
                    self._source, schema, (*here, "result_schema"), self._findings, is_form=False
                )
            checks = self._files.of_route(external.route)
            return External(external.route, schema, external.timeout, external.silent, checks)
        return None if item.review is None else self._review(item.review, here)

    def _review(self, gate: ReviewGate, path: Path) -> Review:
        of, excluded = self._subjects(gate.of, (*path, "of")), self._subjects(gate.excluded, (*path, "not"))
        if set(of or ("requester",)) <= set(excluded):
            who = "everyone in `of`" if of else "the requester, who reviews where `of` is missing,"
            self._note(Code.SUBJECT, f"nobody could answer: {who} is also in `not`", (*path, "not"))
        return Review(of, excluded, gate.expires, gate.retries)

    def approval(self, gate: ApprovalGate, path: Path) -> Approval | None:
        """An approval, whether a rule or `on_error` asks for it."""
        excluded = self._subjects(gate.excluded, (*path, "not"))
        if gate.of is None:
            if gate.stages is None:
                self._note(
                    Code.MISSING_KEY, "`of` is missing in `approval`", path, "who may answer: of: [role:finance]"
                )
            return None
        of = self._subjects(gate.of, (*path, "of"))
        if of and set(of) <= set(excluded):
            self._note(Code.SUBJECT, "nobody could answer: everyone in `of` is also in `not`", (*path, "not"))
        return Approval(of, excluded, gate.expires)

    def _subjects(self, subjects: Sequence[str], path: Path) -> tuple[str, ...]:
        for index, subject in enumerate(subjects):
            here = (*path, index)
            if subject.startswith("agent:"):
                self._note(
                    Code.NOT_ENFORCED, "`agent:` in who may answer is not enforced yet", here, "name a role or a person"
                )
            elif subject == _ROLE or subject.strip() != subject:
                self._note(Code.SUBJECT, f"{subject!r} names nobody", here, "role:NAME, requester or an actor's id")
            elif found := next((kind for kind in _FALSE_KINDS if subject.startswith(kind)), None):
                rest = subject.removeprefix(found)
                hint = f"did you mean `role:{rest}`?" if found[0] in "rRg" else f"an actor's id stands alone: `{rest}`"
                self._note(Code.SUBJECT, f"`{found}` is not a kind of subject", here, hint)
            elif subject != "requester" and did_you_mean(subject, ["requester"]):
                self._note(Code.SUBJECT, f"`{subject}` is not a known word", here, "did you mean `requester`?")
        return tuple(dict.fromkeys(subjects))


def describe(gate: Gate) -> str:
    """A gate in a few words, for reasons and messages."""
    if isinstance(gate, Approval):
        return f"approval of {' or '.join(gate.of)}"
    if isinstance(gate, External):
        return f"external {gate.route}{', silent' if gate.silent else ''}"
    if isinstance(gate, Review):
        return f"review of {' or '.join(gate.of)}" if gate.of else "review"
    return "user_input" if isinstance(gate, UserInput) else "confirm"


def _named(item: Any) -> str:
    """The gate that an item of a list means; "" for none or several."""
    if isinstance(item, str):
        return item
    named = [name for name in GATE_NAMES if name in item.model_fields_set]
    return named[0] if len(named) == 1 else ""
