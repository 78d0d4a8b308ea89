"""From a rule's `gate` to the gates of the model, with the checks of what may stand where."""

from __future__ import annotations

from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import Approval, Confirm, External, Gate, Review, UserInput
from hitl_fsm.policy.approvals import AskReader
from hitl_fsm.policy.asked_people import PeopleReader
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document_gates import GATE_NAMES, ApprovalGate, GateMapping, ReviewGate, gate_items
from hitl_fsm.policy.gate_words import describe
from hitl_fsm.policy.join import gate_key
from hitl_fsm.policy.schemas import SchemaFiles
from hitl_fsm.policy.source import Path, Source

__all__ = ["Demand", "GateReader", "describe"]

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
    """Reads the gates of one file into `findings` and values; `owner` is the policy's."""

    def __init__(self, source: Source, files: SchemaFiles, owner: str | None, findings: list[Diagnostic]) -> None:
        self._source = source
        self._files = files
        self._findings = findings
        self._people = PeopleReader(source, owner, findings)
        self._asks = AskReader(source, files, self._people, findings)

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
            found = self._gates(kind, item, here)
            words += map(describe, found) if found else [kind]
            for gate in found:
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

    def _gates(self, kind: str, item: Any, path: Path) -> tuple[Gate, ...]:
        """One gate; several for the stages of an approval; none for what asks nothing."""
        if isinstance(item, str):
            return (_PLAIN[item],) if item in _PLAIN else ()
        here = (*path, kind)
        if item.approval is not None:
            return self._asks.approvals(item.approval, here)
        gate = self._gate(item, here)
        return () if gate is None else (gate,)

    def _gate(self, item: GateMapping, here: Path) -> Gate | None:
        if item.confirm is not None:
            confirm = item.confirm
            return Confirm(
                confirm.expires,
                self._asks.patience(confirm, here),
                self._asks.editing(confirm.edit, (*here, "edit")),
                self._asks.offer(confirm.grant, (*here, "grant")),
            )
        if item.user_input is not None:
            asked = item.user_input
            form = self._files.resolve(self._source, asked.form, (*here, "schema"), self._findings, is_form=True)
            of = self._people.read(asked.of, (*here, "of"))
            return UserInput(form or {}, of, asked.expires, patience=self._asks.patience(asked, here))
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
        of = self._people.read(gate.of, (*path, "of"))
        excluded = self._people.read(gate.excluded, (*path, "not"), barred=True)
        who = "everyone in `of`" if of else "the requester, who reviews where `of` is missing,"
        self._people.nobody(of or ("requester",), excluded, (*path, "not"), who)
        return Review(of, excluded, gate.expires, gate.retries, self._asks.patience(gate, path, excluded))

    def on_error(self, gate: ApprovalGate, path: Path) -> Approval | None:
        """Who is asked when a condition cannot be evaluated: one approval."""
        if gate.stages is not None:
            message = "`on_error` asks for one approval, not for several in stages"
            self._note(
                Code.WRONG_VALUE, message, (*path, "stages"), "name who decides then: `of`, `all_of` or `any_of`"
            )
            return None
        return next(iter(self._asks.approvals(gate, path)), None)


def _named(item: Any) -> str:
    """The gate that an item of a list means; "" for none or several."""
    if isinstance(item, str):
        return item
    named = [name for name in GATE_NAMES if name in item.model_fields_set]
    return named[0] if len(named) == 1 else ""
