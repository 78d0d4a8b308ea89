"""Secrets of channels: named in the code, read from the environment when they are used, shown nowhere."""

from __future__ import annotations

import os

from hitl_fsm.errors import NotifyError, SettingsError

ENV = "env:"
MASK = "****"


def checked_secret(text: object, what: str) -> str:
    """A secret, or `env:NAME`; SettingsError for what can be neither."""
    if not isinstance(text, str) or not text.strip() or text == ENV:
        msg = f"{what} is empty, or no text"
        raise SettingsError(msg, help=f"give it as {ENV}NAME, with the value in that environment variable")
    return text


def read_secret(text: str, what: str) -> str:
    """What the variable holds, or the text itself. NotifyError while the variable is not set: it may be set later."""
    if not text.startswith(ENV):
        return text
    value = os.environ.get(text.removeprefix(ENV), "")
    if not value:
        msg = f"{what}: the environment variable {text.removeprefix(ENV)} is not set"
        raise NotifyError(msg)
    return value


def shown_secret(text: str) -> str:
    """For a reader: the name of the variable, never a value."""
    return text if text.startswith(ENV) else MASK
