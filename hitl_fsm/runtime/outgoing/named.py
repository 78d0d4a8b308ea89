"""What an application hands to an engine under names of its own: in the store, each of them is its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from hitl_fsm.errors import SettingsError

T = TypeVar("T")


class Kind(NamedTuple):
    """How one and several are called, the method that each has, and how many there may be; the rest is for errors."""

    one: str
    several: str
    method: str
    most: int
    lacks: str
    see: str
    fewer: str


def checked(given: Sequence[T], kind: Kind) -> tuple[T, ...]:
    """SettingsError for what is none, for two of one name, and for too many."""
    for each in given:
        if not (isinstance(getattr(each, "name", None), str) and callable(getattr(each, kind.method, None))):
            msg = f"a {type(each).__name__} {kind.lacks}"
            raise SettingsError(msg, help=f"see {kind.see}")
    names = [str(each.name) for each in given]  # type: ignore[attr-defined]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"two {kind.several} are called {twice!r}"
        raise SettingsError(msg, help=f"give one of them another `name=`: in the store a {kind.one} is its name")
    if len(names) > kind.most:
        msg = f"{len(names)} {kind.several} are too many"
        raise SettingsError(msg, help=f"at most {kind.most}; {kind.fewer}")
    return tuple(given)
