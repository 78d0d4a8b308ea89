"""How long the record keeps what: erasing a person, and pruning what is old. What leaves it as an export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hitl_fsm.audit.questions.all import question
from hitl_fsm.audit.questions.parameters import values
from hitl_fsm.audit.questions.question import Answer, Put
from hitl_fsm.errors import ErasureRefused, Fenced, RecordHeld, StoreError, SubjectUnknown
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports_record import Forgetting, Kept, PrunedLines, PrunedPage
from hitl_fsm.runtime.given import checked_instant, checked_name, stated_reason
from hitl_fsm.runtime.ground import Ground
from hitl_fsm.runtime.loop import run_blocking, run_sync
from hitl_fsm.runtime.pages import RECORD_PAGE
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.people.grants import somebody
from hitl_fsm.runtime.prune import PRUNE_PAGE, RUNS_FORGOTTEN, check_age, described
from hitl_fsm.runtime.record.asked import ROWS, told_asked
from hitl_fsm.runtime.record.holds import Holds, reasoned
from hitl_fsm.runtime.record.retiring import Reader, RetiredReader, readers, retire
from hitl_fsm.runtime.record.unready import missing
from hitl_fsm.runtime.views import Audit

if TYPE_CHECKING:
    from hitl_fsm.runtime.record.exported import Exported

ERASE_ATTEMPTS = 16
"""Times that the runs about a person are forgotten, while new ones come."""
_LAST_INSTANT = 2**62
ERASED = "subject_erased"
CHECKPOINT = "checkpoint"
"""Lines after it are pruned when one covers them."""
TOLD_RUNS = 20
"""Runs that an error names."""


class Erased(NamedTuple):
    """`lines` of the record lost their contents, `runs` were forgotten.

    `scrubbed`: the database's files were written anew, so that nothing of it is left in them.
    """

    subject: str
    runs: int
    lines: int
    scrubbed: bool


class PrunedRecord(NamedTuple):
    """So many lines of the record lost their bodies, and so many their contents.

    Of the lines up to `upto`, which are old enough, those up to `last` were looked at; what it came no further for is
    `stopped_by`: CHECKPOINT, "reader " and its name, or "". `kept`: how many of them stay for now.
    """

    lines: int
    contents: int
    last: int = 0
    upto: int = 0
    stopped_by: str = ""
    kept: Kept = Kept()


class Keeping(Audit):
    """The record, with what an engine may do about what it keeps."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground.store)
        self._ground = ground
        self.hold = Holds(ground)

    def ask(
        self, name: str, *, limit: int = ROWS, by: str | Actor | None = None, anew: bool = False, **given: object
    ) -> Answer:
        """Put a question to the record: `ask("rubber-stamp", since="30d", at_least=20)`.

        `given` as `hitl-fsm audit q` takes it, or datetimes and numbers. `anew`: every line is read and hashed again,
        whatever was read before. With `by` the record tells who asked; without, it tells only where people's data was
        opened, and that the engine did so. Raises QuestionError for what does not fit.
        """
        return run_sync(self.aask(name, limit=limit, by=by, anew=anew, **given))

    async def aask(
        self, name: str, *, limit: int = ROWS, by: str | Actor | None = None, anew: bool = False, **given: object
    ) -> Answer:
        """As `ask`."""
        parts = self._ground.parts
        found, now = question(name), parts.clock.now()
        put = Put(found, values(found, given, now), now, limit, anew)
        answer = await parts.questions(parts.store, put)
        if by is not None or answer.opened:
            speaker = ENGINE if by is None else somebody(self._ground, by, "who asks")
            why = await told_asked(parts.store, parts.clock, speaker, answer, given)
            if why:
                parts.log("reading_not_recorded", level="error", question=name, error=why)
        return answer

    def erase(self, subject: str, *, by: str | Actor, reason: str, scrub: bool = True) -> Erased:
        """Forget a person: the runs about them, and all that lines of the record are committed to about them.

        The record keeps its lines, and verifies. `scrub`: write the database's files anew afterwards, also where it
        only was left undone before. Raises RecordHeld, ErasureRefused while a run about them has not ended,
        SubjectUnknown where nothing is, and was, kept of them.
        """
        return run_sync(self.aerase(subject, by=by, reason=reason, scrub=scrub))

    async def aerase(self, subject: str, *, by: str | Actor, reason: str, scrub: bool = True) -> Erased:
        actor = somebody(self._ground, by, "who erases it")
        about, why = checked_name(subject, "whom it is about"), stated_reason(reason)
        return await _erase(self._ground.parts, about, actor, why, scrub=scrub)

    def export(  # noqa: PLR0913 - keywords that say what is wanted, with defaults
        self,
        run: str = "",
        *,
        out: str | Path,
        by: str | Actor,
        format: str = "jsonl",  # noqa: A002 - its name
        since: int | None = None,
        until: int | None = None,
        contents: bool = False,
    ) -> Exported:
        """Write lines of the record into a new folder, with all that a stranger needs to check them.

        `run`, `since` and `until` (ms) bound what is exported; without them it is the whole record. `format` is jsonl,
        csv, ocsf, cloudevents, otel or html; `contents`: and people's data that is kept beside the lines. It is on the
        record. Raises ExportRefused where there is nothing, too much, or no room; InputRefused for another format.
        """
        from hitl_fsm.runtime.record.exported import By, checked_format, export  # noqa: PLC0415 - for who exports
        from hitl_fsm.runtime.record.exporting import Wanted  # noqa: PLC0415 - as above

        parts = self._ground.parts
        speaker = By(somebody(self._ground, by, "who exports it"), parts.clock.now())
        wanted = Wanted(run, checked_instant(since, "since"), checked_instant(until, "until"), contents)
        return export(parts.store, wanted, checked_format(format), speaker, Path(out).absolute())

    async def aexport(  # noqa: PLR0913 - as `export`
        self,
        run: str = "",
        *,
        out: str | Path,
        by: str | Actor,
        format: str = "jsonl",  # noqa: A002 - its name
        since: int | None = None,
        until: int | None = None,
        contents: bool = False,
    ) -> Exported:
        """As `export`. Once it has begun, it comes to its end, also when who waits for it is cancelled."""

        def work() -> Exported:
            return self.export(run, out=out, by=by, format=format, since=since, until=until, contents=contents)

        return await run_blocking(work, alone=False)

    def prune(self, *, before: int, by: str | Actor, contents_only: bool = False) -> PrunedRecord:
        """Drop what lines older than `before` (ms) say, or only what is kept beside them; their hashes stay.

        Raises RecordHeld while a hold covers everything, RecordKept for what is younger than the settings keep, or
        without a signed checkpoint.
        """
        return run_sync(self.aprune(before=before, by=by, contents_only=contents_only))

    async def aprune(self, *, before: int, by: str | Actor, contents_only: bool = False) -> PrunedRecord:
        parts = self._ground.parts
        actor = somebody(self._ground, by, "who prunes it")
        check_age(parts, before)
        found = PrunedRecord(0, 0, upto=await last_before(parts, before))

        def told(pruned: PrunedLines) -> Record:
            data = {**msgspec.to_builtins(pruned), "before": before}
            return Record("record_pruned", parts.clock.now(), actor, data=data)

        while found.last < found.upto:
            page = await parts.store.prune_record(found.last, found.upto, before, told, contents_only=contents_only)
            if page is None:
                break
            found = _added(found, page)
        return found

    def readers(self) -> Sequence[Reader]:
        """Who reads the record on from where they came to, the slowest first: what they have not read is not pruned."""
        return run_sync(self.areaders())

    async def areaders(self) -> Sequence[Reader]:
        return await readers(self._ground.parts)

    def retire_reader(self, name: str, *, by: str | Actor, reason: str) -> RetiredReader:
        """Forget a reader that nobody has any more, so that it keeps nothing from being pruned.

        A channel's notices that wait for it are not sent; calls that wait for a route stay. Raises InputRefused where
        this engine has it, SubjectUnknown where there is none.
        """
        return run_sync(self.aretire_reader(name, by=by, reason=reason))

    async def aretire_reader(self, name: str, *, by: str | Actor, reason: str) -> RetiredReader:
        actor = somebody(self._ground, by, "who retires it")
        return await retire(self._ground.parts, checked_name(name, "the reader"), actor, stated_reason(reason))


def _added(found: PrunedRecord, page: PrunedPage) -> PrunedRecord:
    """With what one transaction more has done."""
    pruned, stopped = page.pruned, ""
    if pruned.last < found.upto:
        stopped = f"reader {page.reader}" if page.reader else CHECKPOINT
    kept = Kept(*(one + more for one, more in zip(found.kept, page.kept, strict=True)))
    lines, contents = found.lines + pruned.lines, found.contents + pruned.contents
    return PrunedRecord(lines, contents, pruned.last, found.upto, stopped, kept)


class _Line(msgspec.Struct):
    at: int


_line = msgspec.json.Decoder(_Line)


class _About(msgspec.Struct, frozen=True):
    subject: str | None = None


class _Erasure(msgspec.Struct):
    event: str
    data: _About = _About()


_erasure = msgspec.json.Decoder(_Erasure)


async def last_before(parts: Parts, before: int) -> int:
    """The number of the last line before the first that is as young as an instant, and not of the future.

    What is written after a line is younger than it, whatever it says of itself: the clock may have been set back.
    """
    last, now = 0, parts.clock.now()
    while lines := await parts.store.records(after=last, limit=RECORD_PAGE):
        young = next((line.seq for line in lines if line.body and before <= _at(line.body) <= now), None)
        if young is not None:
            return young - 1
        last = lines[-1].seq
    return last


def _at(body: bytes) -> int:
    """A line that cannot be read is as young as can be."""
    try:
        return _line.decode(body).at
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _LAST_INSTANT


async def _erase(parts: Parts, subject: str, by: Actor, reason: str, *, scrub: bool) -> Erased:
    for _ in range(ERASE_ATTEMPTS):
        hold = await parts.store.holding(subject)
        if hold is not None:
            msg = f"nothing of {subject} may be erased: the hold {hold.hold_id} covers it"
            raise RecordHeld(msg)
        pages = await _forgetting(parts, subject, by)
        runs = sum(len(page.run_ids) for page in pages)

        def told(lines: int, runs: int = runs) -> Record:
            data = {"subject": subject, "lines": lines, "runs": runs}
            return reasoned(ERASED, parts.clock.now(), by, data, reason)

        try:
            lines = await parts.store.erase(subject, told, pages)
        except ErasureRefused:
            continue  # a run came, or went, meanwhile
        if lines is None and await _was_erased(parts, subject):  # what was left undone is done now
            return Erased(subject, 0, 0, scrub and await _scrubbed(parts))
        if lines is None:
            msg = f"nothing is kept of {subject!r}"
            raise SubjectUnknown(msg, help="it is an id as `audit show` has it: of a run's user, or of an x-subject")
        return Erased(subject, runs, lines, scrub and await _scrubbed(parts))
    msg = f"runs about {subject} keep coming"
    raise Fenced(msg, help="nothing was erased; try again when that is over")


async def _forgetting(parts: Parts, subject: str, by: Actor) -> list[Forgetting]:
    """Every run about a person, as the record will tell of each; ErasureRefused where one has not ended."""
    store = parts.store
    waiting = await store.unready(subject, limit=TOLD_RUNS)
    if waiting:
        told = [await missing(parts, run_id) for run_id in waiting]
        msg = f"nothing of {subject} can be erased yet: {'; '.join(told)}"
        raise ErasureRefused(msg, help="nothing was erased")
    pages: list[Forgetting] = []
    about = await store.runs_about(subject)
    for start in range(0, len(about), PRUNE_PAGE):
        if runs := await described(store, about[start : start + PRUNE_PAGE]):
            now = parts.clock.now()
            data = {"before": now, "count": len(runs), "runs": runs}
            pages.append(Forgetting([run["run"] for run in runs], Record(RUNS_FORGOTTEN, now, by, data=data)))
    return pages


async def _was_erased(parts: Parts, subject: str) -> bool:
    """Whether the record tells so: who did it may have died before the files were written anew."""
    last = 0
    while lines := await parts.store.records(after=last, limit=RECORD_PAGE, run_id=""):
        last = lines[-1].seq
        if any(_erased(line.body) == subject for line in lines if ERASED.encode() in line.body):
            return True
    return False


def _erased(body: bytes) -> str | None:
    """Whom a line says to be erased."""
    try:
        line = _erasure.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return line.data.subject if line.event == ERASED else None


async def _scrubbed(parts: Parts) -> bool:
    """What is erased is erased, even where the files cannot be written anew now."""
    try:
        return await parts.store.scrub()
    except StoreError as error:
        parts.log("scrub_failed", level="warning", error=str(error))
        return False
