"""`audit verify`: whether the record is whole, and what signatures cover of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hitl_fsm.audit.findings import Report
    from hitl_fsm.audit.keys import Verifier
    from hitl_fsm.audit.verify import Anchor
    from hitl_fsm.cli.session import Session

EXITS = {"intact": 0, "tampered": 1, "incomplete": 2}
"""By verdict; what cannot be checked at all ends as an error, with 3."""

MAX_JOBS = 64
"""Processes that verify one record."""

KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="A public key that you trust: its text, or a file that has it."),
]


def verify(
    ctx: typer.Context,
    key: KeyOption = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option("--anchor", metavar="URL", help="A checkpoint kept elsewhere: a file, or an anchor's URL."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Only the lines after this checkpoint, verified before."),
    ] = None,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Write the newest checkpoint that holds, for --from.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=MAX_JOBS, help="Processes that share the work.")] = 1,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also hold what is kept beside the lines against them.")
    ] = False,
) -> None:
    """Verify the record: every line, the signed checkpoints, the policies, and checkpoints kept elsewhere.

    Exit 0 intact, 1 tampered, 2 incomplete (it says what is missing), 3 cannot be checked.

    JSON: {"verdict", "intact", "count", "head": {"seq", "leaf"}, "findings": [{"seq", "what", "kind", "run"}],
    "total_findings", "trust", "keys", "checkpoints", "covered": {"size", "root", "note"}, "anchors", "opened"}.
    """
    from hitl_fsm.cli.output import json_document  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.record.verifying import Asked, verified  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    store = session.open_store()
    anchors, unreached = _anchors(anchor or [])
    asked = Asked(keys_of(key), anchors, since=_checkpoint(since), unreached=unreached, contents=contents)
    spread = None
    if jobs > 1:
        from hitl_fsm.cli.audit.jobs import spread_over  # noqa: PLC0415 - only for several

        spread = spread_over(session.app, session.store, jobs)
    report = verified(store, asked, spread)
    if save is not None and report.covered is not None and report.verdict != "tampered":
        _save(save, report.covered.note)
    if session.json:
        json_document(report)
    else:
        _tell(session, report)
    if report.verdict != "intact":
        raise typer.Exit(EXITS[report.verdict])


def keys_of(given: list[str] | None) -> tuple[Verifier, ...]:
    """From texts and files; CannotVerify for what is no key."""
    from hitl_fsm.audit.keys import read_verifier  # noqa: PLC0415 - with cryptography
    from hitl_fsm.errors import BadNote, CannotVerify  # noqa: PLC0415 - as above

    found: list[Verifier] = []
    for one in given or []:
        text = read_file(one).decode("utf-8", "replace") if _is_file(one) else one
        try:
            named = [read_verifier(line.strip()) for line in text.splitlines() if line.strip()]
        except BadNote as error:
            msg = f"--key {one}: {error.message}"
            raise CannotVerify(msg, help=error.help) from error
        if not named:
            msg = f"--key {one}: there is no key in it"  # a variable that is not set must not mean that any key will do
            raise CannotVerify(msg, help="it is the text of a key, or a file that has it: `hitl-fsm audit keys`")
        found += named
    return tuple(found)


def read_file(path: str) -> bytes:
    """CannotVerify where that is not possible."""
    from pathlib import Path  # noqa: PLC0415 - as above

    from hitl_fsm.errors import CannotVerify  # noqa: PLC0415 - as above

    try:
        return Path(path).read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CannotVerify(msg, help="name another file") from error


def _is_file(given: str) -> bool:
    """Also of a text that no file can be called."""
    from pathlib import Path  # noqa: PLC0415 - as above

    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def _checkpoint(path: str | None) -> bytes:
    """CannotVerify for what is no checkpoint."""
    if path is None:
        return b""
    from hitl_fsm.audit.checkpoint import read_note, read_tree  # noqa: PLC0415 - as above
    from hitl_fsm.errors import BadNote, CannotVerify  # noqa: PLC0415 - as above

    note = read_file(path)
    try:
        read_tree(read_note(note))
    except BadNote as error:
        msg = f"--from {path}: {error.message}"
        raise CannotVerify(msg, help="give a file that --save wrote") from error
    return note


def _save(path: str, note: str) -> None:
    """CannotVerify where it cannot be kept: the next verification would take up an older one."""
    from pathlib import Path  # noqa: PLC0415 - as above

    from hitl_fsm.errors import CannotVerify  # noqa: PLC0415 - as above

    try:
        Path(path).write_text(note, encoding="utf-8")
    except OSError as error:
        msg = f"--save {path}: it cannot be written: {error.strerror}"
        raise CannotVerify(msg, help="name another file") from error


def _anchors(given: list[str]) -> tuple[tuple[Anchor, ...], tuple[str, ...]]:
    """The checkpoints of each place, and of which none could be had."""
    from hitl_fsm.audit.claims import notes_in  # noqa: PLC0415 - as above
    from hitl_fsm.audit.verify import Anchor  # noqa: PLC0415 - as above
    from hitl_fsm.errors import HitlError  # noqa: PLC0415 - as above

    found: list[Anchor] = []
    unreached: list[str] = []
    for place in given:
        try:
            notes = notes_in(read_file(place)) if _is_file(place) else _kept_at(place)
        except HitlError as error:
            unreached.append(f"{place} could not be read: {error.message}")
            continue
        if not notes:
            unreached.append(f"{place} has no checkpoint")
        found += [Anchor(place, note) for note in notes]
    return tuple(found), tuple(unreached)


def _kept_at(url: str) -> list[bytes]:
    from hitl_fsm.adapters.anchors.kinds import anchor_of  # noqa: PLC0415 - as above
    from hitl_fsm.errors import CannotVerify  # noqa: PLC0415 - as above

    if "://" not in url:
        msg = f"there is no file {url}"
        raise CannotVerify(msg)
    return list(anchor_of(url).notes())


def _tell(session: Session, report: Report) -> None:
    from hitl_fsm.cli.output import line, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    for finding in report.findings:
        line(visible(f"line {finding.seq}: {finding.what}" if finding.seq else finding.what))
    if report.verdict == "intact":
        line(f"intact: {report.count} lines, head {report.head.seq} {report.head.leaf}")
    if report.covered is not None:
        line(f"signed: the first {report.covered.size} lines, root {report.covered.root}")
    if report.opened is not None and report.verdict != "tampered":
        line(f"contents: those of {report.opened} lines were opened, and are what the lines are committed to")
    if report.anchors:
        line(f"anchors: {report.anchors} checkpoints kept elsewhere are of this log")
    if report.trust == "first use":
        say(session, *(f"trusted on first use: {key}" for key in report.keys))
        say(session, "compare the key with one that you were given in another way, or name that by --key")
    if report.verdict == "tampered":
        say(session, f"the record is broken: {report.total_findings} findings in {report.count} lines")
    elif report.verdict == "incomplete":
        say(session, f"nothing was found to be altered in {report.count} lines, but not all of it can be told")
