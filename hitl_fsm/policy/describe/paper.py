"""The page as values. No renderer decides what is said, and none of the values is markup: all text is escaped later."""

from __future__ import annotations

import re
from typing import NamedTuple


class Code(NamedTuple):
    """Exactly what stands in a file, or a name."""

    text: str


class Link(NamedTuple):
    """To a heading of the same page."""

    text: str
    anchor: str


Text = tuple["str | Code | Link", ...]
"""A piece of a sentence after the other."""


class Heading(NamedTuple):
    """`level` is 2 to 4; the page's title is the first."""

    level: int
    text: Text
    anchor: str


class Para(NamedTuple):
    """A paragraph."""

    text: Text


class Item(NamedTuple):
    """One of a list, with those below it."""

    text: Text
    below: tuple[Item, ...] = ()


class Items(NamedTuple):
    """A list; `ordered` where the order counts."""

    items: tuple[Item, ...]
    ordered: bool = False


class Facts(NamedTuple):
    """Names and what they stand for."""

    rows: tuple[tuple[str, Text], ...]


class Table(NamedTuple):
    """`caption` says what it is, for who cannot see it beside its heading."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]


class Signatures(NamedTuple):
    """Room to sign in: a row for each of `roles`."""

    roles: tuple[str, ...]


Block = Heading | Para | Items | Facts | Table | Signatures


class Paper(NamedTuple):
    """The whole page."""

    title: str
    blocks: tuple[Block, ...]


def prose(text: str) -> str:
    """A text that somebody wrote over several lines, as one line."""
    return re.sub(r"[ \t\n]+", " ", text).strip(" ")


def joined(parts: list[Text], word: str) -> Text:
    """`a, b or c`."""
    out: list[str | Code | Link] = []
    for index, part in enumerate(parts):
        if index:
            out.append(f" {word} " if index == len(parts) - 1 else ", ")
        out.extend(part)
    return tuple(out)


def codes(names: tuple[str, ...] | list[str], word: str = "and") -> Text:
    """Names, each as code."""
    return joined([(Code(name),) for name in names], word)
