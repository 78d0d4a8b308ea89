"""From what an author writes of a question to the values of the model: who approves, until when, what a yes may do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.verdict import Approval, Editing, Escalation, GrantOffer, Patience, Seat
from hitl_fsm.policy.asked_people import PeopleReader
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.document_asks import Asks, Edit, Escalate, Grant
from hitl_fsm.policy.document_gates import WHO, ApprovalGate, SeatEntry, StageEntry
from hitl_fsm.policy.form_check import SCHEMA_WORDS
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.schemas import SchemaFiles
from hitl_fsm.policy.source import Path, Source

_NUMBER = {"type": "number"}
_MEANT = {
    "max": "write `maximum`, of text `maxLength`",
    "min": "write `minimum`, of text `minLength`",
    "values": "write `enum: [...]`",
    "one_of": "write `enum: [...]`",
    "regex": "write `pattern`",
}


class AskReader:
    """Reads what the gates of one file say of those who are asked, into `findings` and values."""

    def __init__(self, source: Source, files: SchemaFiles, people: PeopleReader, findings: list[Diagnostic]) -> None:
        self._source = source
        self._files = files
        self._people = people
        self._findings = findings

    def note(self, code: Code, message: str, path: Path, help: str | None = None) -> None:  # noqa: A002 - as users know it
        """Add a finding at a key of the file."""
        self._findings.append(self._source.diagnostic(code, message, self._source.node(path, key=True), help))

    # -- who

    def approvals(self, gate: ApprovalGate, path: Path) -> tuple[Approval, ...]:
        """The approval, or those of its stages in order; none where a finding says why."""
        if not self._says_who(gate, path):
            return ()
        if gate.stages is None:
            found = self._approval(gate, path)
            return () if found is None else (found,)
        for key in sorted(_written(gate) - {"stages"}):
            self.note(
                Code.WRONG_VALUE, f"`{key}` beside `stages` holds for none of them", (*path, key), "write it in each"
            )
        stages: list[Approval] = []
        lines: dict[str, int] = {}
        for index, stage in enumerate(gate.stages):
            here = (*path, "stages", index)
            line = self._source.node((*here, "name")).line
            if stage.name in lines:
                message = f"the stage `{stage.name}` stands twice"
                self.note(Code.WRONG_VALUE, message, (*here, "name"), f"the first one is on line {lines[stage.name]}")
            lines.setdefault(stage.name, line)
            found = self._approval(stage, here) if self._says_who(stage, here) else None
            if found is not None:
                stages.append(found)
        return tuple(stages)

    def _says_who(self, gate: ApprovalGate | StageEntry, path: Path) -> bool:
        named = [key for key in WHO if getattr(gate, key, None) is not None]
        if not named:
            where = "approval" if isinstance(gate, ApprovalGate) else "stage"
            self.note(Code.MISSING_KEY, f"`of` is missing in `{where}`", path, "who may answer: of: [role:finance]")
        elif len(named) > 1:
            told = " and ".join(f"`{key}`" for key in named)
            help_text = "who approves is said once: by `of`, `all_of`, `any_of` or `stages`"
            self.note(Code.WRONG_VALUE, f"{told} stand side by side", (*path, named[1]), help_text)
        return len(named) == 1

    def _approval(self, gate: ApprovalGate | StageEntry, path: Path) -> Approval | None:
        excluded = self._people.read(gate.excluded, (*path, "not"), barred=True)
        ways = self._ways(gate, excluded, path)
        if gate.of is not None:
            of = self._people.read(gate.of, (*path, "of"))
            self._people.nobody(of, excluded, (*path, "not"))
        else:
            of = tuple(dict.fromkeys(name for way in ways for seat in way for name in seat.of))
        return Approval(
            of=of,
            excluded=excluded,
            expires_ms=gate.expires,
            quorum=gate.quorum,
            ways=ways,
            reject_quorum=gate.reject_quorum,
            patience=self.patience(gate, path, excluded, counts=True),
            edit=self.editing(gate.edit, (*path, "edit")),
            grant=self.offer(gate.grant, (*path, "grant")),
            break_glass=self._alone(gate, excluded, (*path, "break_glass")),
            name=gate.name if isinstance(gate, StageEntry) else "",
        )

    def _ways(
        self, gate: ApprovalGate | StageEntry, excluded: Sequence[str], path: Path
    ) -> tuple[tuple[Seat, ...], ...]:
        """`all_of` is one way with several seats, `any_of` several ways with one."""
        key = "all_of" if gate.all_of is not None else "any_of"
        entries = gate.all_of or gate.any_of
        if entries is None:
            return ()
        if "quorum" in gate.model_fields_set:
            self.note(Code.WRONG_VALUE, f"`quorum` beside `{key}` counts nobody", (*path, "quorum"),
                      f"write it where it counts: {key}: [{{of: [role:NAME], quorum: 2}}]")  # fmt: skip
        seats = [self._seat(entry, (*path, key, index), excluded) for index, entry in enumerate(entries)]
        return (tuple(seats),) if key == "all_of" else tuple((seat,) for seat in dict.fromkeys(seats))

    def _seat(self, entry: str | SeatEntry, path: Path, excluded: Sequence[str]) -> Seat:
        if isinstance(entry, str):  # of one person, or one kind of people
            one, count, place = self._people.one(entry, path), 1, path
            of: tuple[str, ...] = (one,) if one else ()
        else:
            count, place = entry.quorum, (*path, "of")
            of = self._people.read(entry.of, place)
        self._people.nobody(of, excluded, place, "everyone here")
        return Seat(of, count)

    def _alone(self, gate: ApprovalGate | StageEntry, excluded: Sequence[str], path: Path) -> tuple[str, ...]:
        of = self._people.read(gate.break_glass or (), path)
        self._people.nobody(of, excluded, path, "everyone here")
        return of

    # -- time

    def patience(
        self, gate: Asks, path: Path, excluded: Sequence[str] = (), *, counts: bool = False
    ) -> Patience | None:
        """How its time goes on; None where it says nothing of that. `counts`: several may be asked to agree."""
        levels = self._levels(gate, path, excluded, counts=counts)
        self._reminders(gate, (*path, "reminders"))
        if gate.calendar is not None and gate.expires is None and not gate.reminders:
            message = "`calendar` has nothing to count: there is neither `expires` nor `reminders`"
            self.note(Code.WRONG_VALUE, message, (*path, "calendar"), "add `expires: 4h`")
        if not (levels or gate.reminders or gate.calendar):
            return None
        return Patience(tuple(gate.reminders), gate.calendar or "", levels)

    def _levels(self, gate: Asks, path: Path, excluded: Sequence[str], *, counts: bool) -> tuple[Escalation, ...]:
        outcome = gate.on_expiry
        if isinstance(outcome, str):
            return ()
        if gate.expires is None:
            message = "the time never runs out, so that nobody else is ever asked"
            self.note(Code.WRONG_VALUE, message, (*path, "on_expiry"), "add `expires: 4h`")
        several = isinstance(outcome, list)
        levels: list[Escalation] = []
        expires = gate.expires
        for index, level in enumerate(outcome if isinstance(outcome, list) else [outcome]):
            here = (*path, "on_expiry", index) if several else (*path, "on_expiry")
            expires = level.expires or expires
            levels.append(self._level(level, expires, here, excluded))
            if level.quorum > 1 and not counts:
                message = "`quorum` belongs to `approval`: here one person is enough"
                self.note(Code.WRONG_VALUE, message, (*here, "quorum"))
        return tuple(levels)

    def _level(self, level: Escalate, expires: int | None, path: Path, excluded: Sequence[str]) -> Escalation:
        of = self._people.read(level.escalate, (*path, "escalate"))
        self._people.nobody(of, excluded, (*path, "escalate"), "everyone here")
        return Escalation(of, expires, level.quorum)

    def _reminders(self, gate: Asks, path: Path) -> None:
        for index, (first, second) in enumerate(pairwise(gate.reminders), 1):
            if second <= first:
                message = "reminders are in order, each later than the one before it"
                self.note(Code.WRONG_VALUE, message, (*path, index))
        for index, after in enumerate(gate.reminders):
            if gate.expires is not None and after >= gate.expires:
                message = "the question is not open any more then: it expires before"
                self.note(Code.WRONG_VALUE, message, (*path, index), "a reminder comes before `expires`")

    # -- what a yes may do

    def editing(self, edit: Edit, path: Path) -> Editing | None:
        """What a yes may change; None: anything."""
        if isinstance(edit, str):
            return Editing() if edit == "none" else None
        fields: dict[str, dict[str, Any]] = {}
        for name, item in edit.items():
            if isinstance(item, str):
                fields[name] = dict(_NUMBER)
                continue
            schema = self._files.resolve(
                self._source, item, (*path, name), self._findings, is_form=False, what="schema of an argument"
            )
            fields[name] = schema or {}
            self._words_that_bound_nothing(item, (*path, name))
        return Editing(fields, tuple(name for name, item in edit.items() if isinstance(item, str)))

    def _words_that_bound_nothing(self, item: dict[str, Any], path: Path) -> None:
        """JSON Schema passes over words that it does not know: `max: 100` would let any number through."""
        for word in item:
            if not (word in SCHEMA_WORDS or word.startswith("x-")):
                message = f"`{word}` is no word of JSON Schema: it would bound nothing"
                hint = _MEANT.get(word.lower()) or did_you_mean(word, sorted(SCHEMA_WORDS))
                self.note(Code.WRONG_VALUE, message, (*path, word), hint)

    def offer(self, grant: Grant | None, path: Path) -> GrantOffer | None:
        """How far a yes may be remembered; None: not at all."""
        if grant is None:
            return None
        budget_of, budget = next(iter(grant.budget.items())) if grant.budget else ("", 0)
        if budget_of and budget_of not in grant.vary:
            message = f"the budget counts `{budget_of}`, which may not differ"
            help_text = f"add it: `vary: [{', '.join((*grant.vary, budget_of))}]`"
            self.note(Code.WRONG_VALUE, message, (*path, "budget", budget_of), help_text)
        unique = dict.fromkeys
        return GrantOffer(
            grant.max, grant.duration, tuple(unique(grant.scope)), tuple(unique(grant.vary)), budget_of, budget
        )


def _written(model: BaseModel) -> set[str]:
    """The keys that were written, by the names that the language has for them."""
    fields = type(model).model_fields
    return {fields[name].alias or name for name in model.model_fields_set}
