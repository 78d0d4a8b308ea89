"""The record itself: who read and exported it, what was forgotten, erased or held, with which keys it is signed."""

from __future__ import annotations

from typing import ClassVar

from hitl_fsm.audit.events.base import Count, Data, Digest, Ordinal, RunId, Shape


class RecordRead(Data):
    """Somebody read the record: by which command or question, of which run, and how many lines of it.

    `contents`: people's data that stands beside the lines was read, too.
    """

    CONTENTS: ClassVar = {"parameters": "what was asked for, where that names people"}
    what: str
    about: RunId = ""
    lines: Count | None = None
    first: Ordinal | None = None
    last: Ordinal | None = None
    contents: bool = False


class RecordExported(Data):
    """Somebody took a copy of lines away: in which format, of which run or which lines."""

    CONTENTS: ClassVar = {"parameters": "what was asked for, where that names people"}
    what: str
    about: RunId = ""
    lines: Count | None = None
    first: Ordinal | None = None
    last: Ordinal | None = None
    contents: bool = False


class RunForgotten(Shape):
    """A run whose log is gone: how many lines it had, and their digest."""

    run: RunId
    entries: Count
    sha256: Digest


class RunsForgotten(Data):
    """Somebody had ended runs forgotten that are older than an instant; the record keeps its lines about them."""

    before: Count
    count: Count
    runs: tuple[RunForgotten, ...]


class KeyAdded(Data):
    """From here on the record is signed with this key. `lost`: the key before, where nobody has it any more."""

    key: str
    lost: str = ""


class KeyRotated(Data):
    """Another key signs from here on; both keys sign the change, so that neither can be slipped in."""

    old: str
    new: str
    old_signature: str
    new_signature: str


class CheckpointAnchored(Data):
    """A signed checkpoint is kept beyond the store: of so many lines, with this root (hex), there."""

    size: Count
    root: Digest
    where: str


EVENTS: dict[str, type[Data]] = {
    "record_read": RecordRead,
    "record_exported": RecordExported,
    "runs_forgotten": RunsForgotten,
    "key_added": KeyAdded,
    "key_rotated": KeyRotated,
    "checkpoint_anchored": CheckpointAnchored,
}
