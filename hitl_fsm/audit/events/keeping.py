"""What was erased, held and pruned: why a line has no contents, or no body, any more."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hitl_fsm.audit.events.base import Count, Data, Digest, Ordinal, PersonId, RunId


class SubjectErased(Data):
    """The key of everything that was kept about a person is destroyed; the lines stay, and verify.

    `lines` lost their contents; `runs` were forgotten for it, as lines of `runs_forgotten` before this one tell.
    """

    CONTENTS: ClassVar = {"reason": "why, as whoever erased it said"}
    subject: PersonId
    lines: Count
    runs: Count


class HoldPlaced(Data):
    """From here on nothing of a person, a run, or everything, is erased, forgotten or pruned."""

    CONTENTS: ClassVar = {"reason": "why, as whoever placed it said"}
    hold: str
    kind: Literal["subject", "run", "all"]
    about: PersonId | RunId = ""


class HoldReleased(HoldPlaced):
    """What a hold covered may be erased, forgotten and pruned again."""

    CONTENTS: ClassVar = {"reason": "why, as whoever released it said"}


class RecordPruned(Data):
    """Old lines gave up their bodies, or what was kept beside them; their leaves stay, and so the tree can be checked.

    `lines` of those from `first` to `last` have no body any more; a checkpoint of `size` lines, signed before, covers
    them. What a hold covers stayed, and what verification needs.
    """

    first: Ordinal
    last: Ordinal
    leaf: Annotated[Digest, Field(description="That of the line `last`.")]
    lines: Count
    contents: Annotated[Count, Field(description="Lines whose contents went.")]
    before: Annotated[Count, Field(description="Only what was older than this instant, in ms.")]
    size: Ordinal
    root: Annotated[Digest, Field(description="That of the checkpoint.")]


class ReaderRetired(Data):
    """A reader of the record that nobody has any more keeps nothing from being pruned: it had come to line `seq`.

    `notices` that waited for it are not sent.
    """

    CONTENTS: ClassVar = {"reason": "why, as whoever retired it said"}
    reader: str
    seq: Count
    notices: Count


EVENTS: dict[str, type[Data]] = {
    "subject_erased": SubjectErased,
    "hold_placed": HoldPlaced,
    "hold_released": HoldReleased,
    "record_pruned": RecordPruned,
    "reader_retired": ReaderRetired,
}
