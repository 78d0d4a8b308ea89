"""Whose a store is."""

from __future__ import annotations

import msgspec


class Owner(msgspec.Struct, frozen=True):
    """Whose a store is (`uid 1000`, `role payments`), and as whom this process uses it."""

    name: str
    user: str

    @property
    def is_user(self) -> bool:
        return self.name == self.user
