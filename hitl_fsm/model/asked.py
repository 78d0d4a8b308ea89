"""What somebody who runs a call, beside the policies and the model, wants to know of a person before it goes on."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_DOMAIN = b"hitl-fsm/asked/v1\0"
_ENCODER = msgspec.json.Encoder(order="sorted")


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A form with its message. `said` is what came of the start that asked, when it was told to let go."""

    message: str
    schema: dict[str, Any]
    said: str = ""

    @property
    def key(self) -> str:
        return question_key(self.message, self.schema)


def question_key(message: str, schema: dict[str, Any]) -> str:
    """The same message and the same schema are the same question: SHA-256, hex."""
    return hashlib.sha256(_DOMAIN + _ENCODER.encode([message, schema])).hexdigest()
