"""The page as Markdown (CommonMark with tables). Text that comes from files cannot become markup."""

from __future__ import annotations

import re

from hitl_fsm.model.visible import visible
from hitl_fsm.policy.describe.paper import (
    Block,
    Code,
    Facts,
    Heading,
    Item,
    Items,
    Link,
    Paper,
    Para,
    Signatures,
    Table,
    Text,
)

_MARKUP = re.compile(r"[\\`*_{}\[\]<>#+|~&$]|(?<![A-Za-z0-9])-|-(?![A-Za-z0-9])|(?<=[0-9])[.)](?=\s|$)|:(?=//)")
_LETTERS = re.compile(r"[^0-9A-Za-z ,;?%⟦⟧]")
_BLANK = "&nbsp;"
_SAFE_CODE = re.compile(r"(?! )[^`|\\]+(?<! )")


def markdown(paper: Paper) -> str:
    """The whole page, with a line feed at its end."""
    parts = [f"# {_plain(paper.title)}", *(_block(block) for block in paper.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text, anchor):
            return f'<a id="{anchor}"></a>\n\n{"#" * level} {_text(text)}'
        case Para(text):
            return _text(text)
        case Items(items, ordered):
            return "\n".join(_items(items, ordered=ordered, depth=0))
        case Facts(rows):
            return _table(("", ""), tuple(((f"**{_plain(name).strip(' ')}**"), _text(text)) for name, text in rows))
        case Table(_, head, rows):
            return _table(head, tuple(tuple(_text(cell) for cell in row) for row in rows))
        case Signatures(roles):
            return _table(
                ("For", "Name", "Date", "Signature"),
                tuple((_plain(role), _BLANK, _BLANK, _BLANK) for role in roles),
            )


def _items(items: tuple[Item, ...], *, ordered: bool, depth: int) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(items, 1):
        mark = f"{number}." if ordered else "-"
        lines.append(f"{'    ' * depth}{mark} {_text(item.text)}")
        lines += _items(item.below, ordered=False, depth=depth + 1)
    return lines


def _table(head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = [_row(head), _row(tuple("---" for _ in head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: Text) -> str:
    return "".join(_piece(piece) for piece in text).strip(" ")


def _piece(piece: str | Code | Link) -> str:
    match piece:
        case Code(text):
            return _code(visible(text))
        case Link(text, anchor):
            return f"[{_plain(text)}](#{anchor})"
        case str():
            return _plain(piece)


def _plain(text: str) -> str:
    """Each sign that could mean something is escaped."""
    return _MARKUP.sub(r"\\\g<0>", visible(text))


def _code(text: str) -> str:
    """Between backticks where that holds; else with each sign as its number, which holds in a table, too."""
    if _SAFE_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_LETTERS.sub(lambda found: f'&#{ord(found[0])};', text)}</code>"
