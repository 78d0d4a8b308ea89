"""What an argument is for, guessed from its name: money, a command line, an address, the model's own word."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_MAX_CHARS = 200

_MONEY = frozenset(
    {"amount", "amounts", "price", "prices", "total", "subtotal", "fee", "fees", "balance", "cost", "costs", "payment",
     "charge", "budget", "salary", "discount", "tax", "vat", "revenue", "spend", "credit", "debit", "payout", "refund",
     "sum"}
)  # fmt: skip
_QUANTITY = frozenset(
    {"limit", "rows", "count", "quantity", "qty", "units", "max", "min", "hours", "days", "bytes", "percent"}
)
_NO_NUMBER = frozenset(
    {"id", "ids", "name", "code", "currency", "type", "kind", "label", "status", "date", "at", "by", "reason", "note",
     "method", "order", "reference", "ref", "key", "account", "unit", "text", "url", "email", "category",
     "card"}
)  # fmt: skip
_COMMAND = frozenset({"command", "commands", "cmd", "cmdline", "commandline", "script", "shell", "bash"})
_NO_COMMAND = frozenset({"id", "ids", "type", "kind", "count", "timeout", "number", "status", "version"})
_PROGRAM = frozenset({"argv", "program", "executable", "binary", "interpreter"})
_SHELL_TOOL = frozenset({"shell", "bash", "terminal", "exec", "execute", "command", "cmd", "subprocess", "sh", "zsh"})
_LINE = frozenset({"input", "line", "code", "text", "run"})
_URL = frozenset({"url", "uri", "href", "link", "endpoint", "webhook", "callback", "origin", "site"})
_HOST = frozenset({"host", "hostname", "domain", "server", "fqdn"})
_MAIL = frozenset({"email", "mail", "to", "cc", "bcc", "recipient", "recipients", "sender", "attendee", "attendees"})
_CLAIM = frozenset(
    {"approved", "approval", "confirmed", "confirm", "authorized", "authorised", "authorization", "authorisation",
     "trusted", "override", "overridden", "verified", "permitted", "allowed", "safe", "consent", "consented", "bypass",
     "acknowledged", "harmless", "legitimate", "legit", "preapproved", "whitelisted"}
)  # fmt: skip
_PLEA = frozenset(
    {"reason", "reasons", "justification", "justified", "explanation", "rationale", "urgent", "urgency", "emergency",
     "excuse", "purpose", "intent", "intention", "motivation"}
)  # fmt: skip
_NO_CLAIM = frozenset(
    {"id", "ids", "number", "url", "date", "at", "ip", "ips", "list", "amount", "limit", "email", "hosts", "domains",
     "until", "count", "rows", "mode", "search"}
)  # fmt: skip


def words(name: str) -> list[str]:
    """`maxRows`, `max_rows` -> max, rows."""
    return [word.lower() for word in _WORD.findall(name[:_MAX_CHARS])]


def is_money(name: str) -> bool:
    """Whether it may hold a sum of money: `amount`, `totalPrice`; not `payment_id`."""
    return _names(name, _MONEY, _NO_NUMBER)


def is_number(name: str) -> bool:
    """Whether it holds a sum of money, or how many."""
    return _names(name, _MONEY | _QUANTITY, _NO_NUMBER)


def is_command(name: str, tools: Sequence[str]) -> bool:
    """Whether it holds a command line; for tools that are shells also `input`, `line` and such."""
    if _names(name, _COMMAND, _NO_COMMAND):
        return True
    return words(name)[-1:] in ([word] for word in _LINE) and any(_is_shell(tool) for tool in tools)


def is_program(name: str) -> bool:
    """Whether it names the program that is started, or begins with it."""
    return _names(name, _PROGRAM, _NO_COMMAND)


def address_kind(name: str) -> str | None:
    """`URL`, `host` or `address` (of mail) for an argument of such a name."""
    last = words(name)[-1:]
    for kind, known in (("URL", _URL), ("host", _HOST), ("address", _MAIL)):
        if last and last[0] in known:
            return kind
    return None


def is_claim(name: str) -> bool:
    """Whether it says that something is right: `approved`, `is_safe`; not `confirmation_number`."""
    return _names(name, _CLAIM, _NO_CLAIM)


def is_plea(name: str) -> bool:
    """Whether it says why something should be: `reason`, `urgent`."""
    return _names(name, _PLEA, _NO_CLAIM)


def _names(name: str, known: frozenset[str], unless_last: frozenset[str]) -> bool:
    found = words(name)
    return bool(found) and found[-1] not in unless_last and any(word in known for word in found)


def _is_shell(tool: str) -> bool:
    return any(word in _SHELL_TOOL for word in words(tool))
