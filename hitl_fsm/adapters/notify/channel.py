"""What every channel has: its name, the events and the people that it is for."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.util import find_spec

import msgspec

from hitl_fsm.core.notices import EVENTS, wants
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.notice import Notice

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")


class Scope(msgspec.Struct, frozen=True):
    """Which notices a channel is for; empty: all that is usual, whomever it is for."""

    events: tuple[str, ...]
    for_: tuple[str, ...]

    def has(self, notice: Notice) -> bool:
        return wants(notice, self.events, self.for_)


def need(package: str) -> None:
    """SettingsError unless it is installed; nothing is imported."""
    if find_spec(package) is None:
        msg = f"this channel needs the package {package!r}"
        raise SettingsError(msg, help="pip install 'hitl-fsm[notify]'")


def checked_name(name: object) -> str:
    """A channel's name stands in ids and in the store. SettingsError for what cannot be one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        msg = f"{name!r} cannot be the name of a channel"
        raise SettingsError(msg, help="at most 31 lower-case letters, digits, `-` and `_`, a letter or digit first")
    return name


def scope(name: str, events: Collection[str], for_: Collection[str]) -> Scope:
    """SettingsError for an event that does not exist, and for one text where a list belongs."""
    for word, given in (("events", events), ("for_", for_)):
        if isinstance(given, str):
            msg = f"channel {name}: `{word}` is one text, not a list"
            raise SettingsError(msg, help=f"write {word}=({given!r},)")
    unknown = sorted(set(events) - set(EVENTS))
    if unknown:
        msg = f"channel {name}: there is no event {unknown[0]!r}"
        raise SettingsError(msg, help=f"there are {', '.join(EVENTS)}")
    return Scope(tuple(events), tuple(for_))
