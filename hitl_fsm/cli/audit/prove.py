"""`audit prove` and `audit check-proof`: that lines stand in the signed record, for who does not have the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.audit.verify import EXITS, KeyOption

if TYPE_CHECKING:
    from hitl_fsm.audit.proof import Proved
    from hitl_fsm.cli.session import Session


def prove_lines(
    ctx: typer.Context,
    about: Annotated[list[str], typer.Argument(metavar="REQUIREMENT|SEQ...", help="Questions, or lines by number.")],
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Where to write it; stdout without it.")
    ] = None,
) -> None:
    """Write a proof that the lines about a question stand in the signed record. It can be checked without the record.

    The proof is one JSON document: the exact lines, how each stands in the tree, the signed checkpoint, the key.
    """
    from hitl_fsm.cli.output import say, write  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.record.proving import lines_about, prove  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    store = session.open_store()
    seqs: list[int] = []
    for one in about:
        seqs += [int(one)] if one.isascii() and one.isdigit() else lines_about(store, one)
    proof = prove(store, seqs)
    if out is None:
        write(proof.decode())
        return
    from pathlib import Path  # noqa: PLC0415 - as above

    from hitl_fsm.cli.audit.out import write_out  # noqa: PLC0415 - as above

    write_out(Path(out), proof)
    say(session, f"{out} proves {len(set(seqs))} lines; `hitl-fsm audit check-proof {out}` checks it, anywhere")


def check_proof(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `audit prove` wrote.")],
    key: KeyOption = None,
) -> None:
    """Check a proof, and tell what it proves. Needs no store and no network.

    Exit 0 proved, 1 not, 3 where it is no proof. JSON has the exact text of the lines:
    {"verdict", "trust", "origin", "size", "lines": [[seq, text]], "findings": [{"seq", "what", "kind"}]}.
    """
    from hitl_fsm.audit.proof import check  # noqa: PLC0415 - with cryptography
    from hitl_fsm.cli.audit.verify import keys_of, read_file  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    proved = check(read_file(file), keys_of(key))
    if session.json:
        json_document(proved)
    else:
        for finding in proved.findings:
            line(visible(f"line {finding.seq}: {finding.what}" if finding.seq else finding.what))
        if not proved.findings:
            _show(session, proved)
            say(session, f"{len(proved.lines)} lines stand among the first {proved.size} of {proved.origin}")
        if proved.trust == "first use":
            say(session, "the key came with the proof: name the one that you were given by --key")
    if proved.verdict != "intact":
        raise typer.Exit(EXITS[proved.verdict])


def _show(session: Session, proved: Proved) -> None:
    """The lines as `audit show` has them; one that cannot be read as it stands."""
    import msgspec  # noqa: PLC0415 - as it is used

    from hitl_fsm.cli.audit.line import line_cells  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import show  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above

    rows = []
    for seq, text in proved.lines:
        try:
            rows.append(line_cells(msgspec.json.decode(text, type=dict)))
        except (msgspec.DecodeError, RecursionError):
            rows.append((str(seq), "", "", "", text))
    show(session, Page((Grid(("seq", "time", "event", "by", "what"), tuple(rows)),)))
