"""Where a call stands in a tree of runs, as text.

A call of the run itself is `<turn>.<index>`: `2.0`. What carries it out is a frame under that name, and its calls are
`2.0/1.0`, `2.0/1.1`, and so on down. A call that a reviewer had run again has a frame of its own each time: `2.0~2`.
"""

from __future__ import annotations

from collections.abc import Sequence

START = "0.0"
"""The start of a run, where policies speak of it: the call before its first turn."""


def call_id(frame: str, turn: int, index: int) -> str:
    """The name of a call of a frame ("" for the run itself)."""
    return f"{frame}/{turn}.{index}" if frame else f"{turn}.{index}"


def frame_of(call: str) -> str:
    """The frame whose call that is; for a frame's path, the frame above it."""
    return call.rpartition("/")[0]


def frame_path(call: str, execution: int) -> str:
    """The frame that carries out a call for the n-th time."""
    return call if execution == 1 else f"{call}~{execution}"


def call_of(frame: str) -> str:
    """The call that a frame carries out."""
    above, slash, last = frame.rpartition("/")
    return above + slash + last.partition("~")[0]


def is_below(call: str, frame: str) -> bool:
    """Whether a call is one of the frame, or of a frame below it."""
    return not frame or call.startswith(f"{frame}/")


def depth(frame: str) -> int:
    """Frames down to this one; 0 for the run itself."""
    return frame.count("/") + 1 if frame else 0


def way(path: Sequence[str]) -> str:
    """A requirement's path for people: `workflow refunds / step payout / team finance / agent clerk`."""
    return " / ".join(path)
