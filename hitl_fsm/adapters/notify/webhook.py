"""A machine that is told by HTTP, as Standard Webhooks say: signed, with an id that stays the same at each attempt.

It speaks to the one URL that it was given: it follows no redirect, and uses no proxy of the environment, so that no
answer can send it elsewhere. Of an answer only the status counts; its body is not read, however long it is.
"""

from __future__ import annotations

import ipaddress
from functools import cache
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hitl_fsm.adapters.notify.secret import ENV, checked_secret, read_secret
from hitl_fsm.adapters.routes.signing import signed
from hitl_fsm.errors import NotifyError, SettingsError
from hitl_fsm.model.instant import iso
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.visible import visible

TIMEOUT_S = 10.0
"""Each of connecting, sending and waiting for bytes."""
_GONE = 410
"""The receiver's word that it wants no more of it."""
RETRY_AFTER_MAX_S = 3600.0

_HEADERS = {"content-type": "application/json", "user-agent": "hitl-fsm"}
_OK = range(200, 300)
_REDIRECT = range(300, 400)


def checked_url(text: object, what: str = "webhook") -> str:
    """An `https` URL, or `http` on this machine. SettingsError else, which does not repeat it: it may hold a secret."""
    if isinstance(text, str) and text.startswith(ENV):
        return checked_secret(text, f"the URL of a {what}")
    try:
        parts = urlsplit(text) if isinstance(text, str) else urlsplit("")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in {"http", "https"} or parts.username or parts.password:
        msg = f"the URL of a {what} is none that can be used"
        raise SettingsError(msg, help="give https://host/path, without a user name and a password")
    if parts.scheme == "http" and not _is_here(host):
        msg = f"the {what} at {visible(host)} is not https"
        raise SettingsError(msg, help="what is told could be read on the way; use https")
    return str(text)


def shown_url(url: str) -> str:
    """Scheme and host; what follows may be a secret."""
    if url.startswith(ENV):
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


def payload(notice: Notice) -> bytes:
    """The JSON body: `type`, `timestamp`, `data`, as Standard Webhooks recommend."""
    data = {name: _visible(value) for name, value in msgspec.to_builtins(notice).items() if name not in {"id", "at"}}
    data["at"] = iso(notice.at)
    if notice.expires_at is not None:
        data["expires_at"] = iso(notice.expires_at)
    return msgspec.json.encode({"type": notice.event, "timestamp": data.pop("at"), "data": data})


async def post(url: str, secret: str, notice: Notice) -> None:
    """One attempt; `secret` is the name of the variable that has it. NotifyError unless it was taken."""
    import httpx  # noqa: PLC0415 - 0.1 s, only for who sends

    body = payload(notice)
    try:
        url = checked_url(read_secret(url, "the webhook's URL"))
        headers = {**_HEADERS, **signed(secret, notice.id, body)}
    except SettingsError as error:  # a variable that is not set, or not yet what it should be
        raise NotifyError(error.message) from None
    try:
        async with (
            httpx.AsyncClient(verify=tls(), timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            _check(response.status_code, response.headers.get("retry-after", ""))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"the webhook did not answer: {type(error).__name__}"
        raise NotifyError(msg) from None  # its own text may have the URL


@cache
def tls() -> SSLContext:
    """Read once; `SSL_CERT_FILE` may name the authorities of a house of its own."""
    import httpx  # noqa: PLC0415 - as above

    return httpx.create_ssl_context()


def _check(status: int, retry_after: str) -> None:
    """What a status means; only 2xx is a yes."""
    if status in _OK:
        return
    if status in _REDIRECT:
        msg = f"the webhook answered {status}: a redirect, which is not followed"
        raise NotifyError(msg)
    wait_s = min(float(retry_after), RETRY_AFTER_MAX_S) if retry_after.isdecimal() else 0.0
    msg = f"the webhook answered {status}"
    raise NotifyError(msg, retryable=status != _GONE, retry_after_s=wait_s)


def _visible(value: Any) -> Any:
    """Texts of ours pass the sanitiser; arguments are data, and stay exact."""
    if isinstance(value, str):
        return visible(value)
    return [visible(one) if isinstance(one, str) else one for one in value] if isinstance(value, list) else value


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
