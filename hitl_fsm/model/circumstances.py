"""What a step must know of the world beyond its event, found out before it is decided and kept with it in the log."""

from __future__ import annotations

import msgspec

from hitl_fsm.model.flag import Flag
from hitl_fsm.model.grant import GrantUse


class Circumstances(msgspec.Struct, frozen=True, omit_defaults=True):
    """`hours`: by calendar, the open times from then on, as begin, end, begin, end … (ms since the epoch).

    By call: `grants` that pass one of its gates, `flags` for those who will be asked, and in `refused` why nobody is
    asked about it at all.
    """

    hours: dict[str, tuple[int, ...]] = {}
    grants: dict[str, tuple[GrantUse, ...]] = {}
    flags: dict[str, tuple[Flag, ...]] = {}
    refused: dict[str, str] = {}
