"""Policies from files, loaded once as long as no byte of them changes; what was refused is not tried again either."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.adapters.policy_around import around_of
from hitl_fsm.adapters.policy_files import CALENDARS, ROUTES, read_policies
from hitl_fsm.errors import HitlError, PolicyError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.policy.schemas import Read

KEPT_SETS = 16
"""Policy sets that a process keeps compiled."""


class _Kept(NamedTuple):
    """What came of some files, and the schemas that they asked for; None: it could not be read."""

    found: PolicySet | PolicyError
    schemas: dict[str, bytes | None]


class _Around(NamedTuple):
    """The files beside the policies that hold for runs."""

    routes: dict[str, bytes]
    calendars: dict[str, bytes]


_lock = threading.Lock()
_kept: OrderedDict[tuple[tuple[str, bytes], ...], _Kept] = OrderedDict()


def load_policy_files(paths: Sequence[str]) -> PolicySet:
    """The files are read each time; what they say is compiled again only when it is something else.

    The routes and calendars below the same folders are read too, since what they say of results and of time holds.
    PolicyError with every finding if any of the files is wrong.
    """
    files, read = read_policies(paths)
    routes, _ = read_policies(paths, ROUTES)
    calendars, _ = read_policies(paths, CALENDARS)
    key = tuple(sorted((files | routes | calendars).items()))
    with _lock:
        kept = _kept.get(key)
    if kept is None or any(_read(read, path) != data for path, data in kept.schemas.items()):
        kept = _load(files, _Around(routes, calendars), read)
        with _lock:
            _kept[key] = kept
            _kept.move_to_end(key)
            while len(_kept) > KEPT_SETS:
                _kept.popitem(last=False)
    if isinstance(kept.found, PolicyError):  # a new one: each raising would add to the traceback of a kept one
        raise PolicyError(kept.found.message, kept.found.diagnostics, help=kept.found.help)
    return kept.found


def _load(files: dict[str, bytes], beside: _Around, read: Read) -> _Kept:
    schemas: dict[str, bytes | None] = {}

    def remembering(path: str) -> bytes:
        schemas[path] = None
        data = schemas[path] = read(path)
        return data

    try:
        around, wrong = around_of(beside.routes, {}, remembering, beside.calendars)
        return _Kept(load(files, remembering, around, wrong), schemas)
    except PolicyError as error:
        return _Kept(error.with_traceback(None), schemas)


def _read(read: Read, path: str) -> bytes | None:
    try:
        return read(path)
    except (OSError, HitlError):
        return None
