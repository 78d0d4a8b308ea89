"""A reason to look twice at what is asked."""

from __future__ import annotations

from typing import Literal

import msgspec

FlagKind = Literal["mixed_scripts", "invisible", "confusable", "near_threshold", "similar_lately", "long", "imitates"]


class Flag(msgspec.Struct, frozen=True, omit_defaults=True):
    """`where` is the argument (dotted), or "" for the whole; `note` says it in a sentence, for the approver."""

    kind: FlagKind
    note: str
    where: str = ""
