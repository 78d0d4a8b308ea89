"""An export as files: a folder that a stranger can check, or one stream of one format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from hitl_fsm.audit import bundle
from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.checkpoint import read_note, read_tree
from hitl_fsm.audit.export.evidence.cover import Cover, Verified
from hitl_fsm.audit.export.formats import CONTENTS, FILES, FORMATS, Format, Source, as_text, opened_text
from hitl_fsm.audit.export.lines import Entry
from hitl_fsm.audit.export.readme import README, Contained, readme
from hitl_fsm.audit.findings import Report
from hitl_fsm.audit.verify import Line
from hitl_fsm.errors import ExportRefused, InputRefused
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.instant import iso
from hitl_fsm.model.visible import visible
from hitl_fsm.ports import RecordLine, Store
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.drafts import draft_for
from hitl_fsm.runtime.record.exporting import SELECTED_LINES, Cut, Wanted, cut, entries_of, lines_of, proofs

TOLD_FINDINGS = 20
"""Findings of a verification that a page of evidence tells."""
_PRIVATE = 0o600


class By(NamedTuple):
    """Who exports, and when (ms)."""

    actor: Actor
    at: int


class Exported(NamedTuple):
    """`lines` of the record, in `files` of the folder `path`; `signed`: verify.py there shows that they are whole."""

    path: Path
    format: Format
    lines: int
    sha256: str
    signed: bool
    files: tuple[str, ...]


def checked_format(format: str) -> Format:  # noqa: A002 - its name
    """InputRefused for a format that there is not."""
    for one in FORMATS:
        if one == format:
            return one
    msg = f"{format!r} is no format of an export"
    raise InputRefused(msg, help=f"it is {', '.join(FORMATS)}")


def stream(store: Store, wanted: Wanted, format: Format, by: By) -> Iterator[bytes]:  # noqa: A002 - its name
    """One format, without what checks it. It is on the record when the first piece is asked for."""
    found = cut(store, wanted, format, by.actor, by.at, SELECTED_LINES if format == "html" else None)
    if format == "jsonl":
        yield from (bundle.row(line.body, bytes.fromhex(line.leaf)) for line in lines_of(store, wanted, found.upto))
        return
    if format == "html":
        digest = hashlib.sha256()
        for line in lines_of(store, wanted, found.upto):
            digest.update(bundle.row(line.body, bytes.fromhex(line.leaf)))
        lines = lines_of(store, wanted, found.upto)
        yield from _text(
            _page(store, found, entries_of(store, lines, contents=wanted.contents), by, digest.hexdigest())
        )
        return
    entries = entries_of(store, lines_of(store, wanted, found.upto), contents=wanted.contents)
    yield from _text(as_text(format, entries, Source(found.log, version("hitl-fsm"))))


def export(store: Store, wanted: Wanted, format: Format, by: By, out: Path) -> Exported:  # noqa: A002 - its name
    """A folder that is there whole or not at all: the exact lines, what checks them, and the format beside them.

    ExportRefused where `out` is something already, or the lines are too many.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"{out} is there already"
        raise ExportRefused(msg, help="name a folder that is new or empty: nothing is written over")
    bounded = format == "html" or not wanted.is_whole
    found = cut(store, wanted, format, by.actor, by.at, SELECTED_LINES if bounded else None)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with draft_for(out) as work:
            done = _fill(store, found, format, by, work)
            work.replace(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    return done._replace(path=out)


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """One file, there whole or not at all; ExportRefused where it cannot be."""
    try:
        with draft_for(path) as work:
            made = work / path.name
            _write(made, chunks)
            made.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _fill(store: Store, found: Cut, format: Format, by: By, folder: Path) -> Exported:  # noqa: A002 - its name
    wanted, seqs, digest = found.wanted, list[int](), hashlib.sha256()

    def rows() -> Iterator[bytes]:
        for line in lines_of(store, wanted, found.upto):
            seqs.append(line.seq)
            row = bundle.row(line.body, bytes.fromhex(line.leaf))
            digest.update(row)
            yield row

    _write(folder / bundle.LINES, rows())
    for name, body in _beside(store, found, seqs).items():
        _write(folder / name, [body])
    sha256, source = digest.hexdigest(), Source(found.log, version("hitl-fsm"))

    def entries() -> Iterator[Entry]:
        return entries_of(store, _written(folder / bundle.LINES, seqs), contents=wanted.contents)

    if wanted.contents:  # whatever the format: by their salts, what it shows of people can be held against the lines
        _write(folder / CONTENTS, _text(opened_text(entries())))
    if format != "jsonl":
        page = format == "html"
        text = _page(store, found, entries(), by, sha256) if page else as_text(format, entries(), source)
        _write(folder / FILES[format], _text(text))
    names = tuple(sorted(one.name for one in folder.iterdir()))
    about = Contained(
        wanted.words, iso(by.at), visible(by.actor.signature), found.log, found.key, len(seqs), sha256, names
    )
    _write(folder / README, [readme(about).encode()])
    return Exported(folder, format, len(seqs), sha256, bool(found.note), (*names, README))


def _beside(store: Store, found: Cut, seqs: Sequence[int]) -> Mapping[str, bytes]:
    """What checks the lines; without a signed checkpoint the program alone, which then says so."""
    if not found.note:
        return {bundle.PROGRAM: bundle.program()}
    proved = b"" if found.wanted.is_whole else proofs(store, found, seqs)
    return bundle.files(bundle.Sealed(found.note, found.key), proofs=proved)


def _written(path: Path, seqs: Sequence[int]) -> Iterator[Line]:
    """The lines as they were just written, so that a format tells of these and no others."""
    with path.open("rb") as file:
        for seq, row in zip(seqs, file, strict=True):
            body = row[:-1]
            if not body.startswith(b'{"pruned":'):
                yield RecordLine(seq, body, leaf_of(body))


def _page(store: Store, found: Cut, entries: Iterable[Entry], by: By, sha256: str) -> Iterator[str]:
    """The evidence pack, with what a verification of the whole record says now."""
    from hitl_fsm.audit.export.evidence.collect import collect  # noqa: PLC0415 - for this format alone
    from hitl_fsm.audit.export.html import html  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.record.verifying import verified  # noqa: PLC0415 - as above

    collected = collect(entries)
    named = dict.fromkeys(digest for story in collected.stories.values() for digest in story.policies)
    texts = {digest: run_sync(store.policies(digest)) for digest in named}
    about = Cover(
        selection=found.wanted.words,
        at=by.at,
        by=by.actor.signature,
        log=found.log,
        version=version("hitl-fsm"),
        verified=_verified(verified(store), found),
        sha256=sha256,
        contents=found.wanted.contents,
    )
    return html(about, collected, texts)


def _verified(report: Report, found: Cut) -> Verified:
    told = tuple(f"line {one.seq}: {one.what}" for one in report.findings[:TOLD_FINDINGS])
    if report.verdict == "tampered":
        return Verified("broken", report.count, report.head.leaf, findings=told)
    if not found.note:
        return Verified("unsigned", report.count, report.head.leaf, findings=told)
    tree = read_tree(read_note(found.note))
    signed = Verified("intact", report.count, report.head.leaf, tree.origin, tree.size, tree.root.hex(), found.key)
    return signed._replace(findings=told)


def _text(pieces: Iterable[str]) -> Iterator[bytes]:
    return (piece.encode() for piece in pieces)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """For nobody else to read."""
    path.touch(_PRIVATE, exist_ok=False)
    with path.open("wb") as file:
        file.writelines(chunks)


def _unwritable(out: Path, error: OSError) -> ExportRefused:
    return ExportRefused(f"{out} cannot be written: {error.strerror or error}", help="name another place with --out")
