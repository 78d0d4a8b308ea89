"""People are told through Apprise: mail, chat, SMS, push, over a hundred services, each by a URL."""

from __future__ import annotations

import asyncio

from hitl_fsm.adapters.notify.secret import read_secret
from hitl_fsm.adapters.notify.text import body, title
from hitl_fsm.errors import NotifyError
from hitl_fsm.model.notice import Notice


async def send(url: str, notice: Notice) -> None:
    """One attempt. NotifyError unless the service took it."""
    await asyncio.to_thread(_send, url, notice)


def _send(url: str, notice: Notice) -> None:
    import apprise  # noqa: PLC0415 - 0.3 s, and an extra; `notify.Apprise` has made sure of it

    asset = apprise.AppriseAsset(app_id="hitl-fsm", async_mode=False)
    service = apprise.Apprise(asset=asset)
    if not service.add(read_secret(url, "the channel's URL")):
        msg = "Apprise cannot use the channel's URL"
        raise NotifyError(msg)
    kind = apprise.NotifyType.WARNING if notice.severity in {"high", "critical"} else apprise.NotifyType.INFO
    took = service.notify(
        title=title(notice), body=body(notice), notify_type=kind, body_format=apprise.NotifyFormat.TEXT
    )
    if not took:
        msg = "the service did not take it; its own log lines (logger `apprise`) tell why"
        raise NotifyError(msg)
