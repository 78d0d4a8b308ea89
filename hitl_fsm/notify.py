"""Channels on which people and machines are told: `Engine(channels=[Apprise(…), Webhook(…)])`.

What they need (`pip install 'hitl-fsm[notify]'`) is imported when something is sent, not here.
"""

from __future__ import annotations

from collections.abc import Collection

from hitl_fsm.adapters.notify import apprise_channel, webhook
from hitl_fsm.adapters.notify.channel import checked_name, need, scope
from hitl_fsm.adapters.notify.secret import ENV, checked_secret, shown_secret
from hitl_fsm.adapters.routes.given import secret_name
from hitl_fsm.model.notice import Notice

__all__ = ["Apprise", "Webhook"]


class Apprise:
    """People, by an Apprise URL: `Apprise("env:FINANCE_CHAT", for_=("role:finance",))`.

    `url` is best given as `env:NAME`, since it holds a password or a token; it is shown and stored nowhere. `for_` are
    those who can be reached there, as policies name them (`role:finance`, `requester`, an id); without it, everybody.
    `events` are the names of records; without it, all but single votes. `details`: with the arguments of the action,
    but for those that nobody is shown. `name` tells channels apart in the store.
    """

    def __init__(
        self,
        url: str,
        *,
        for_: Collection[str] = (),
        events: Collection[str] = (),
        details: bool = False,
        name: str = "people",
    ) -> None:
        self.name = checked_name(name)
        self.details = details
        self._scope = scope(name, events, for_)
        need("apprise")
        self._url = checked_secret(url, "the URL of an Apprise channel")

    def wants(self, notice: Notice) -> bool:
        return self._scope.has(notice)

    async def send(self, notice: Notice) -> None:
        """See `ports_out.Notifier`."""
        await apprise_channel.send(self._url, notice)

    def __repr__(self) -> str:
        return f"Apprise({shown_secret(self._url)!r}, name={self.name!r})"


class Webhook:
    """A machine, by HTTP: `Webhook("https://desk.example.com/hooks/approvals", "env:DESK_SECRET")`.

    Each message is signed as Standard Webhooks say, with what the environment has for `secret` (`whsec_…`; two with a
    space between while one is replaced); its `webhook-id` stays the same at each attempt. `url`, or what `env:NAME` has
    for it, is https, but on this machine. The rest is as in `Apprise`.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        for_: Collection[str] = (),
        events: Collection[str] = (),
        details: bool = False,
        name: str = "webhook",
    ) -> None:
        self.name = checked_name(name)
        self.details = details
        self._scope = scope(name, events, for_)
        need("standardwebhooks")
        self._url = webhook.checked_url(url)
        self._secret = secret_name(secret, "the secret of a webhook")

    def wants(self, notice: Notice) -> bool:
        return self._scope.has(notice)

    async def send(self, notice: Notice) -> None:
        """See `ports_out.Notifier`."""
        await webhook.post(self._url, self._secret, notice)

    def __repr__(self) -> str:
        return f"Webhook({webhook.shown_url(self._url)!r}, {f'{ENV}{self._secret}'!r}, name={self.name!r})"
