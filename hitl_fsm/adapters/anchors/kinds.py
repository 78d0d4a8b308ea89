"""The anchor of a URL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from hitl_fsm.errors import SettingsError
from hitl_fsm.ports_out import Anchor

ANCHORS_MAX = 20
"""Anchors of one engine."""
FORMS = "file:///path, git+file:///path, git+file:///path?push=origin or https://host/path/"


def anchor_of(url: str) -> Anchor:
    """SettingsError for a URL that names none; no message has more of it than may be shown."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        msg = "the URL of an anchor cannot be read"
        raise SettingsError(msg, help=f"it is {FORMS}") from error
    path = Path(unquote(parts.path))
    if parts.scheme in {"file", "git+file"} and (parts.netloc or not path.is_absolute() or "\0" in str(path)):
        msg = "the URL of an anchor names no file"
        raise SettingsError(msg, help=f"it is {FORMS}")
    match parts.scheme:
        case "file" if not parts.query:
            from hitl_fsm.adapters.anchors.file import FileAnchor  # noqa: PLC0415 - each kind for who uses it

            return FileAnchor(path)
        case "git+file":
            from hitl_fsm.adapters.anchors.git import GitAnchor  # noqa: PLC0415 - as above

            return GitAnchor(path, _push(parts.query))
        case "http" | "https":
            from hitl_fsm.adapters.anchors.objects import ObjectAnchor  # noqa: PLC0415 - as above

            return ObjectAnchor(url)
    msg = f"an anchor of the kind {parts.scheme or 'without a scheme'!r} is not known"
    raise SettingsError(msg, help=f"it is {FORMS}")


def anchors_of(setting: str) -> Sequence[Anchor]:
    """Of URLs with spaces between."""
    urls = list(dict.fromkeys(setting.split()))
    if len(urls) > ANCHORS_MAX:
        msg = f"record_anchors names {len(urls)} anchors"
        raise SettingsError(msg, help=f"at most {ANCHORS_MAX}")
    return [anchor_of(url) for url in urls]


def _push(query: str) -> str:
    """The remote to which each note is pushed, "" for none."""
    options = dict(parse_qsl(query))
    remote = options.pop("push", "")
    if options or (query and not remote) or remote.startswith("-"):
        msg = "the URL of an anchor has an unknown option"
        raise SettingsError(msg, help="the only one is push=<remote>, of a git repository")
    return remote
