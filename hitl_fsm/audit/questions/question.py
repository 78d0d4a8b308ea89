"""A question on the record, what may be given with it, and its answer. Pure values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

Value = str | int | None
Kind = Literal["since", "until", "instant", "duration", "count", "percent", "text", "words", "hours", "days", "zone"]
"""How a parameter is written: see `parameters.py`."""
ColumnKind = Literal["text", "count", "time", "ms", "percent", "digest", "money"]
Needs = Literal["", "rules", "asked", "demands", "thresholds", "zone", "damage", "run"]
"""What is looked up beside the facts: rules in force, who is asked about a tool, what gates demand, limits of rules,
a time zone's hours, what is wrong with the record, the lines of a run."""


_DECIDED = """
 d.at >= :since AND d.at < :until
 AND (:agent = '' OR d.agent = :agent) AND (:tool = '' OR d.tool = :tool)
 AND (:approver = '' OR d.person = :approver OR d.by_id = :approver)
"""
"""A decision `d` within what `USUAL` says: what `{DECIDED}` in a question's SQL stands for."""


class Parameter(msgspec.Struct, frozen=True):
    """`default` as it would be written; None: it must be given. `among`: the words that fit; none named: any."""

    name: str
    kind: Kind
    help: str
    default: str | None = ""
    among: tuple[str, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """One of the answer; `ms` is shown as a time span, `time` as RFC 3339."""

    name: str
    meaning: str
    kind: ColumnKind = "text"


class Question(msgspec.Struct, frozen=True):
    """`asks` in a sentence, and what a reviewer `learns` from it; `sql` over the facts, with parameters by name.

    The rows of `sql` are the columns. `must_be_empty`: a row is a finding. With `shown`, the first thing of each row is
    the number of a line, which is left out, and the last column is made of that line's contents.
    """

    name: str
    asks: str
    learns: str
    columns: tuple[Column, ...]
    sql: str
    parameters: tuple[Parameter, ...] = ()
    must_be_empty: bool = False
    needs: Needs = ""
    shown: Callable[[Mapping[str, Any]], str] | None = None
    example: str = ""

    @property
    def statement(self) -> str:
        """The SQL, whole."""
        return self.sql.replace("{DECIDED}", _DECIDED)


class Put(msgspec.Struct, frozen=True):
    """A question with its values, when it is asked (ms), and how many rows are wanted at most.

    `anew`: every line of the record is read again, whatever was read before.
    """

    question: Question
    values: dict[str, Value]
    now: int
    limit: int
    anew: bool = False


class Answer(msgspec.Struct, frozen=True):
    """`rows` in the order of `columns`; `more`: there are rows beyond the limit.

    It tells of the first `lines` lines, the last of which has the leaf `leaf`; `damage` is what does not fit in the
    chain of these, and then nothing else can be relied on. `notes` are for the reader. `opened`: contents were read.
    """

    question: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool
    lines: int
    leaf: str
    parameters: dict[str, Value]
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    must_be_empty: bool = False
    opened: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether the record holds together, and nothing was found that should not be there."""
        return not self.damage and not (self.must_be_empty and self.rows)


SINCE = Parameter("since", "since", "From then on: a day, an instant, or how long ago.")
UNTIL = Parameter("until", "until", "Up to then (not including it).")
AGENT = Parameter("agent", "text", "Only of this agent.")
TOOL = Parameter("tool", "text", "Only of this tool.")
APPROVER = Parameter("approver", "text", "Only of this person.")
USER = Parameter("user", "text", "Only for this user.")
WHEN = (SINCE, UNTIL)
USUAL = (SINCE, UNTIL, AGENT, TOOL, APPROVER)
