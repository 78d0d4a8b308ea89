"""What a folder of an export tells the stranger who opens it: what is in it, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

README: Final = "README.txt"

_KNOWN: Final = {
    "lines.jsonl": "the lines of the record, each exactly as it is stored, one a line",
    "checkpoint.txt": "the root of all lines of the record, signed (C2SP tlog-checkpoint, Ed25519)",
    "key.txt": "a public key of the log: it signed the checkpoint, or handed over to the key that did",
    "proofs.json": "how each of these lines is in the signed tree (RFC 6962)",
    "verify.py": "a program that checks all of this; it needs Python 3.8 or later, and nothing else",
    "contents.jsonl": "what lines are committed to, by the line's number, as far as it is still kept, with the salts",
    "record.csv": "the same lines as a table",
    "ocsf.jsonl": "the same lines as events of OCSF 1.8.0",
    "cloudevents.jsonl": "the same lines as CloudEvents 1.0",
    "traces.jsonl": "the same lines as OpenTelemetry traces (OTLP/JSON, one request a line)",
    "evidence.html": "the same lines as a page to read and to print",
}

_SIGNED = """\
To check it, in this folder:

    python3 -I -S verify.py

It says `intact` and ends with 0, or says what is wrong and where (1), what is missing (2), or why it cannot check (3).
Read it first: it is one file. The key came with the export; compare it with one that you were given in another way:

    {key}
"""
_UNSIGNED = """\
No checkpoint of this record is signed, so that nothing here shows that the lines are the ones that were written: each
names the SHA-256 of the one before it, and whoever could write them anew could do that, too. verify.py says so (3).
"""


class Contained(NamedTuple):
    """What the README speaks of: `selection` in words, when and by whom, the log, its key ("" where none signed)."""

    selection: str
    at: str
    by: str
    log: str
    key: str
    lines: int
    sha256: str
    files: Sequence[str]


def readme(about: Contained) -> str:
    """The whole text."""
    head = (
        f"hitl-fsm: an export of the record\n\n"
        f"what      {about.selection}\n"
        f"lines     {about.lines}\n"
        f"made at   {about.at}\n"
        f"made by   {about.by}\n"
        f"log       {about.log}\n"
        f"SHA-256 of lines.jsonl\n          {about.sha256}\n\n"
    )
    width = max(map(len, about.files), default=0)
    listed = "".join(f"{name.ljust(width)}  {_KNOWN.get(name, '')}\n" for name in about.files)
    check = _SIGNED.format(key=about.key) if about.key else _UNSIGNED
    return f"{head}{listed}\n{check}\nThe lines are the record. Whatever else is here is a reading of them.\n"
