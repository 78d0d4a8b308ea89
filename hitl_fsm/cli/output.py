"""Data to stdout, words to stderr. The only file that writes to them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from hitl_fsm.errors import HitlError
from hitl_fsm.model.visible import visible, visible_block

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from hitl_fsm.cli.page import Page
    from hitl_fsm.cli.session import Session

RESET = "\x1b[0m"
RED = "\x1b[31m"
CYAN = "\x1b[36m"


class OutputError(HitlError):
    """What a command printed did not arrive. Whatever else it did is done."""

    code = "HF704"


def write(text: str) -> None:
    """Data, as it stands. Whoever prints values passes them through `visible` first."""
    _write(sys.stdout, text)


def write_bytes(chunks: Iterable[bytes]) -> None:
    """Data that is bytes, for a file or a pipe: nothing of it is made visible."""
    try:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except OSError as failed:
        _give_up(sys.stdout, failed)


def text_block(text: str) -> None:
    """A text that a model or a tool wrote, as data, made visible."""
    write(visible_block(text) + "\n")


def line(text: str) -> None:
    """One line of data."""
    write(text + "\n")


def say(session: Session, *lines: str) -> None:
    """Words for a person, on stderr; `-q` silences them. Values in them are made visible, and stay on their line."""
    if not session.quiet:
        warn(*lines)


def warn(*lines: str) -> None:
    """Words that `-q` does not silence."""
    _write(sys.stderr, "".join(f"{visible(line)}\n" for line in lines))


def json_line(value: Any) -> None:
    """One JSON document on a line of its own."""
    import msgspec  # noqa: PLC0415 - not for --help

    line(ascii_safe(msgspec.json.encode(value).decode()))


def json_document(value: Any) -> None:
    """One JSON document, indented."""
    import msgspec  # noqa: PLC0415 - as above

    line(ascii_safe(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def ascii_safe(document: str) -> str:
    """The same JSON with every character that is not plain escaped, so that a terminal shows what it holds."""
    if document.isascii() and "\x7f" not in document:
        return document
    shown = []
    for char in document:
        point = ord(char)
        if point < 0x7F:  # noqa: PLR2004 - ASCII's last printable character is 0x7E
            shown.append(char)
        elif point <= 0xFFFF:  # noqa: PLR2004 - the plane that one \u escape can name
            shown.append(f"\\u{point:04x}")
        else:
            point -= 0x10000
            shown.append(f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}")
    return "".join(shown)


def show(session: Session, page: Page, to: TextIO | None = None) -> None:
    """A page of text: plain, or through Rich on a terminal with colour. It goes to stdout unless told otherwise."""
    stream: TextIO = to or sys.stdout
    if session.wants_color(stream):
        from hitl_fsm.cli import colored  # noqa: PLC0415 - Rich costs 60 ms

        _write(stream, colored.render(page))
    else:
        from hitl_fsm.cli import plain  # noqa: PLC0415 - as above

        _write(stream, plain.render(page))


def error(message: str, hint: str | None = None, problems: tuple[str, ...] = ()) -> None:
    """`error: …`, a line for each problem, and `hint: …` on stderr."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and "--no-color" not in sys.argv
    red, cyan, reset = (RED, CYAN, RESET) if color else ("", "", "")
    lines = [f"{red}error:{reset} {_indented(message)}"]
    lines += [f"  - {visible(problem)}" for problem in problems]
    if hint:
        lines.append(f"{cyan}hint:{reset} {_indented(hint)}")
    _write(sys.stderr, "\n".join(lines) + "\n")


def _indented(text: str) -> str:
    """Several lines of one message; no line of it can pass for a message of its own."""
    return visible_block(text).replace("\n", "\n  ")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError as failed:
        _give_up(stream, failed)


def _give_up(stream: TextIO, failed: OSError) -> None:
    """What else is to be said goes nowhere. A reader who left does not stop the work; data that is lost is an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    if stream is sys.stdout and not isinstance(failed, BrokenPipeError):
        msg = f"what is printed cannot be written: {failed.strerror or failed}"
        raise OutputError(msg, help="what the command did besides is done; look at it again once there is room")
