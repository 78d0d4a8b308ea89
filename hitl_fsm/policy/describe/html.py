"""The page as one HTML file: no script, nothing from elsewhere, good to print. All text is escaped."""

from __future__ import annotations

from html import escape

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

_STYLE = """\
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1b1f24; font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1.25rem; }
h2 { font-size: 1.4rem; margin: 2.75rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid #1b1f24; }
h3 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1.75rem 0 .35rem; padding-top: .9rem; border-top: 1px solid #d0d7de; }
p, ul, ol { margin: .5rem 0; }
li { margin: .2rem 0; }
a { color: #0550ae; }
a:focus-visible { outline: 3px solid #0550ae; outline-offset: 2px; }
code { font: .88em/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; background: #f2f4f7; border-radius: 3px;
  padding: .08em .3em; overflow-wrap: anywhere; white-space: pre-wrap; }
.wide { overflow-x: auto; margin: .75rem 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: #57606a; font-size: .88rem; padding-bottom: .3rem; }
th, td { border: 1px solid #c3cad2; padding: .45rem .6rem; text-align: left; vertical-align: top; }
thead th { background: #eef1f4; }
table.facts th { width: 15rem; background: #f7f8fa; font-weight: 600; }
table.sign td { height: 3.2rem; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .5rem; }
@media print {
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  a { color: inherit; text-decoration: none; }
  .wide { overflow: visible; }
  h2, h3, h4, caption { break-after: avoid; }
  tr, li { break-inside: avoid; }
  table.sign { break-inside: avoid; }
  code { background: none; border: 1px solid #c3cad2; }
  thead th, table.facts th { background: none; }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(paper: Paper) -> str:
    """The whole file, with a line feed at its end."""
    title = _plain(paper.title)
    body = "\n".join(_block(block) for block in paper.blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#who">To who decides</a>\n'
        f"<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(level, text, anchor):
            return f'<h{level} id="{anchor}">{_text(text)}</h{level}>'
        case Para(text):
            return f"<p>{_text(text)}</p>"
        case Items(items, ordered):
            return _items(items, "ol" if ordered else "ul")
        case Facts(rows):
            told = "\n".join(
                f'<tr><th scope="row">{_plain(name)}</th><td>{_text(text)}</td></tr>' for name, text in rows
            )
            return f'<div class="wide"><table class="facts"><tbody>\n{told}\n</tbody></table></div>'
        case Table(caption, head, rows):
            body = "\n".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
            return _table("", caption, head, body)
        case Signatures(roles):
            body = "\n".join(
                f'<tr><th scope="row">{_plain(role)}</th><td></td><td></td><td></td></tr>' for role in roles
            )
            return _table("sign", "To be signed by hand", ("For", "Name", "Date", "Signature"), body)


def _table(kind: str, caption: str, head: tuple[str, ...], body: str) -> str:
    named = "".join(f'<th scope="col">{_plain(name)}</th>' for name in head)
    opened = f'<table class="{kind}">' if kind else "<table>"
    return (
        f'<div class="wide">{opened}<caption>{_plain(caption)}</caption>\n<thead><tr>{named}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _items(items: tuple[Item, ...], kind: str) -> str:
    told = "".join(f"<li>{_text(item.text)}{_items(item.below, 'ul') if item.below else ''}</li>\n" for item in items)
    return f"<{kind}>\n{told}</{kind}>"


def _text(text: Text) -> str:
    return "".join(_piece(piece) for piece in text)


def _piece(piece: str | Code | Link) -> str:
    match piece:
        case Code(text):
            return f"<code>{_plain(text)}</code>"
        case Link(text, anchor):
            return f'<a href="#{anchor}">{_plain(text)}</a>'
        case str():
            return _plain(piece)


def _plain(text: str) -> str:
    return escape(visible(text), quote=True)
