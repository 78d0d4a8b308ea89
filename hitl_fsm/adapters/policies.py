"""Policies from files, loaded once as long as no byte of them changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.adapters.policy_files import read_policies
from hitl_fsm.errors import HitlError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.policy.schemas import Read

KEPT_SETS = 16
"""Policy sets that a process keeps compiled."""


class _Kept(NamedTuple):
    policies: PolicySet
    schemas: dict[str, bytes]


_lock = threading.Lock()
_kept: OrderedDict[tuple[tuple[str, bytes], ...], _Kept] = OrderedDict()


def load_policy_files(paths: Sequence[str]) -> PolicySet:
    """The files are read each time; what they say is compiled again only when it is something else.

    PolicyError with every finding if any of them is wrong.
    """
    files, read = read_policies(paths)
    key = tuple(sorted(files.items()))
    with _lock:
        kept = _kept.get(key)
    if kept is not None and all(_reads(read, path, data) for path, data in kept.schemas.items()):
        return kept.policies
    schemas: dict[str, bytes] = {}

    def remembering(path: str) -> bytes:
        data = schemas[path] = read(path)
        return data

    policies = load(files, remembering)
    with _lock:
        _kept[key] = _Kept(policies, schemas)
        while len(_kept) > KEPT_SETS:
            _kept.popitem(last=False)
    return policies


def _reads(read: Read, path: str, data: bytes) -> bool:
    try:
        return read(path) == data
    except (OSError, HitlError):
        return False
