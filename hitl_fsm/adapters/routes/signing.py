"""Standard Webhooks: how a message says from whom it is (https://www.standardwebhooks.com).

The header `webhook-signature` signs the message's id, its time and its exact body, so that none of them can be changed
and an old one cannot be sent again later. Sole importer of `standardwebhooks`.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hitl_fsm.adapters.routes.given import secret_value
from hitl_fsm.errors import CallbackRefused, SettingsError

KEY_BYTES = 24
"""The shortest key, as the standard has it."""
SIGNATURES = 10
"""Signatures that one message may carry; more are not tried."""
_PREFIX = "whsec_"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def signed(name: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a message, signed now with every key in the variable `name`: with two while one is replaced."""
    now = datetime.now(UTC)
    text = body.decode()
    signatures = [signer.sign(msg_id=message_id, timestamp=now, data=text) for signer in _signers(name)]
    return dict(zip(_HEADERS, (message_id, str(int(now.timestamp())), " ".join(signatures)), strict=True))


def check(name: str, headers: Mapping[str, str], body: bytes) -> None:
    """CallbackRefused unless it was signed with a key of `name`, within five minutes of now.

    Why it was refused is not said in detail: who cannot sign learns nothing.
    """
    from standardwebhooks.webhooks import WebhookVerificationError  # noqa: PLC0415 - an extra

    found = {str(key).lower(): str(value) for key, value in headers.items()}
    given = {key: found.get(key, "") for key in _HEADERS}
    if len(given["webhook-signature"].split(" ")) > SIGNATURES:
        raise refused()
    for signer in _signers(name):
        try:
            signer.verify(body, given, json_parse=False)
        except (WebhookVerificationError, ValueError):  # also what is no base64, no text, or has no comma
            continue
        else:
            return
    raise refused()


def refused() -> CallbackRefused:
    """One error for whatever is wrong with a signature."""
    return CallbackRefused(
        "the callback is not signed as it should be, or its time is not within five minutes of now",
        help="sign `id.timestamp.body` with the secret for callbacks, and let both clocks be right",
    )


def check_apart(one: str, other: str) -> None:
    """SettingsError where both directions have a key in common: what goes out could be sent back as an answer.

    A process that only sends, or only receives, need not have both.
    """
    if all(os.environ.get(name) for name in (one, other)) and set(_keys(one)) & set(_keys(other)):
        msg = f"{one} and {other} have the same secret"
        raise SettingsError(msg, help="each direction has one of its own")


def _signers(name: str) -> list[Any]:
    from standardwebhooks.webhooks import Webhook  # noqa: PLC0415 - an extra

    return [Webhook(key) for key in _keys(name)]


def _keys(name: str) -> list[bytes]:
    """What stands in the variable, `whsec_` and base64, one or several with spaces between. It is never shown."""
    keys = []
    for text in secret_value(name).split():
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else b""
        except (binascii.Error, ValueError):
            key = b""
        if len(key) < KEY_BYTES:
            msg = f"the environment variable {name} has no webhook secret"
            raise SettingsError(msg, help=f"it is whsec_ and the base64 of at least {KEY_BYTES} random bytes")
        keys.append(key)
    return keys
