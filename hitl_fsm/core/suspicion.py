"""Reasons to look twice at what a model asks for. They decide nothing: they are told to those who do.

No note repeats what a model wrote: it names characters by their numbers, and says where they stand.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import re2  # type: ignore[import-untyped]

from hitl_fsm.core.skeleton import latin_twin, skeleton
from hitl_fsm.model.flag import Flag, FlagKind
from hitl_fsm.model.visible import hidden_characters
from hitl_fsm.policy.sensitive import without
from hitl_fsm.policy.thresholds import Threshold

LONG_CHARS = 4_000
"""Characters of arguments, as JSON: about what two screens hold."""
NEAR = 0.1
"""How close below a limit, as a part of it, a number is near."""
FLAGS_OF_A_KIND = 3
"""Places that one reason is told of; that there are more is told, too."""
WHERE_CHARS = 120
"""Characters of a place; the rest is cut, and that is said."""
MANY_LATELY = 5
"""Questions of one agent for one tool within an hour that are many; fewer are told of if one was alike, or refused."""
TWIN_CHARS = 200
"""Longer texts are not compared with earlier ones: nobody takes one for the other by its look."""
TWIN_TEXTS = 200
"""Texts of one call that are compared with earlier ones."""
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_AT_ONCE = 256  # texts
_COUNTED = 32  # different characters
_NAMED = 3  # characters that a note names

_WIDE = r"\p{Cyrillic}\p{Greek}\p{Armenian}\p{Cherokee}\p{Coptic}\p{Lisu}"
_BETWEEN = r"[\pM\pN]*"
_MIXED = re2.compile(rf"\p{{Latin}}{_BETWEEN}[{_WIDE}]|[{_WIDE}]{_BETWEEN}\p{{Latin}}")
_SCRIPTS = tuple(
    (name, re2.compile(rf"\p{{{name}}}")) for name in ("Cyrillic", "Greek", "Armenian", "Cherokee", "Coptic", "Lisu")
)
_WORDS = (
    r"(?:already |was )?(?:approved|authori[sz]ed|confirmed|resolved|rejected|denied) by\b",
    r"who may answer\b",
    r"(?:question|state|kind|severity|so far|expires|digest|vote)[ \t]{2,}\S",
    r"may this action happen",
    r"answer it\b",
    r"approval (?:granted|given|not (?:needed|required))",
)
_LINE = rf"(?:^|\n)[^\pL\n]*(?:x[^\pL\n]+)?(?:{'|'.join(_WORDS)})"
_OURS = re2.compile(
    rf"(?i)\bhitl-fsm\b|[\x{{2500}}-\x{{259F}}⟦⟧〚〛]|{_LINE}|[\[(](?:y/n|yes/no)[\])]|\b(?:y/n|yes/no)\s*[:?>]"
)


Path = tuple[str | int, ...]


class Text(NamedTuple):
    """A text in the arguments, or the name of a field there, and its place (dotted); `path` leads to a text."""

    where: str
    text: str
    path: Path | None


class Before(msgspec.Struct, frozen=True):
    """What the agent asked of this tool before: its arguments, whether within the hour, and whether people said no."""

    args: dict[str, Any]
    lately: bool
    refused: bool


def flags_of(
    args: dict[str, Any],
    said: str,
    *,
    sensitive: Collection[str] = (),
    limits: Sequence[Threshold] = (),
    before: Sequence[Before] = (),
) -> tuple[Flag, ...]:
    """The flags of a call with these arguments, beside which the model `said` something.

    Of values that nobody is shown (`sensitive`) nothing is said. `limits` are what policies compare the arguments
    with, `before` are the calls of this tool that the agent asked people about before.
    """
    shown: dict[str, Any] = without(args, sensitive)
    texts = tuple(texts_in(shown))
    heaps = tuple(_heaps(texts))
    return (
        *_in_texts("mixed_scripts", heaps, _mixed),
        *_in_texts("invisible", heaps, _invisible),
        *_in_texts("imitates", heaps, _imitates),
        *_of_words(said),
        *_bounded("confusable", _confusable(texts, [one.args for one in before])),
        *_bounded("near_threshold", _near(shown, limits)),
        *_similar(args, before),
        *_long(shown),
    )


def texts_in(value: Any) -> Iterator[Text]:
    """All texts of a JSON value, the names of its fields among them."""
    waiting: list[Iterator[tuple[str, Path, str, Any]]] = [iter([("", (), "", value)])]
    while waiting:
        for place, path, name, one in waiting[-1]:
            if name and not (name.isascii() and name.isidentifier()):
                yield Text(place, name, None)
            if isinstance(one, str):
                yield Text(place, one, path)
            elif isinstance(one, dict | list | tuple):
                waiting.append(_parts(place, path, one))
                break
        else:
            waiting.pop()


def _parts(place: str, path: Path, value: Any) -> Iterator[tuple[str, Path, str, Any]]:
    """The place, the path, the name (none in a list) and the value of each part."""
    if isinstance(value, dict):
        before = f"{place}." if place else ""
        return ((before + name, (*path, name), name, part) for name, part in value.items())
    return ((f"{place}[{number}]", (*path, number), "", part) for number, part in enumerate(value))


class _Heap(NamedTuple):
    """Some texts, and all of them in one: most have nothing to find, which one look tells."""

    texts: tuple[Text, ...]
    whole: str


def _heaps(texts: tuple[Text, ...]) -> Iterator[_Heap]:
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        yield _Heap(some, "\n".join(one.text for one in some))


def _in_texts(kind: FlagKind, heaps: Sequence[_Heap], look: Callable[[str], str]) -> Iterator[Flag]:
    """What a look at each text says."""
    found = (
        (one.where, note)
        for heap in heaps
        if len(heap.texts) == 1 or look(heap.whole)
        for one in heap.texts
        if (note := look(one.text))
    )
    yield from _bounded(kind, found)


def _bounded(kind: FlagKind, found: Iterable[tuple[str, str]]) -> Iterator[Flag]:
    """Of several places the first ones, and that there are more."""
    several = list(islice(found, FLAGS_OF_A_KIND + 1))
    for where, note in several[:FLAGS_OF_A_KIND]:
        yield Flag(kind, note, where if len(where) <= WHERE_CHARS else f"{where[:WHERE_CHARS]}… (cut)")
    if len(several) > FLAGS_OF_A_KIND:
        yield Flag(kind, "the same in further places")


def _mixed(text: str) -> str:
    if text.isascii() or not _whole(text):
        return ""
    met = _MIXED.search(text)
    if met is None:
        return ""
    word = str(met.group())
    other = next(name for name, script in _SCRIPTS if script.search(word))
    odd = [char for char in word if not char.isascii()]
    return f"one word mixes Latin and {other} letters, which look alike: {_characters(odd)}"


def _invisible(text: str) -> str:
    odd = hidden_characters(text)
    if not odd:
        return ""
    count = sum(map(text.count, odd)) if len(odd) <= _COUNTED else 0
    what = "one character" if count == 1 else f"{count} characters" if count else "many characters"
    return f"it has {what} that cannot be seen: {_characters(odd)}"


def _imitates(text: str) -> str:
    if not _whole(text):
        return ""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if _OURS.search(plain) is None:
        return ""
    return "it looks like a part of this page, or like an approval: the model wrote it"


def _of_words(said: str) -> Iterator[Flag]:
    for kind, note in (("mixed_scripts", _mixed(said)), ("invisible", _invisible(said)), ("imitates", _imitates(said))):
        if note:
            yield Flag(kind, f"in what the model says beside it: {note}")  # type: ignore[arg-type]


def _confusable(texts: Sequence[Text], before: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in [each for each in texts if len(each.text) <= TWIN_CHARS][:TWIN_TEXTS]:
        others = set() if one.path is None else _others(before, one.path)
        if others and one.text not in others and skeleton(one.text) in map(skeleton, others):
            yield one.where, "it looks like a value that this agent used here before, and is another one"
        elif latin_twin(one.text):
            odd = [char for char in one.text if not char.isascii()]
            yield one.where, f"it looks like Latin letters, and has none: {_characters(odd)}"


def _others(before: Sequence[dict[str, Any]], path: Path) -> set[str]:
    """The short texts that stood there before: looked up, since to walk all that was asked takes milliseconds."""
    found: list[Any] = [*before]
    for step in path:
        if isinstance(step, str):
            found = [one[step] for one in found if isinstance(one, dict) and step in one]
        else:
            found = [one[step] for one in found if isinstance(one, list) and step < len(one)]
    return {one for one in found if isinstance(one, str) and len(one) <= TWIN_CHARS}


def _near(args: dict[str, Any], limits: Sequence[Threshold]) -> Iterator[tuple[str, str]]:
    told: set[str] = set()
    for one in sorted(limits, key=lambda limit: limit.limit):
        value = _at(args, one.where.split("."))
        if one.where in told or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        below = value <= one.limit if one.reaches else value < one.limit
        if below and value >= one.limit - abs(one.limit) * NEAR and one.limit != 0:
            told.add(one.where)
            yield one.where, f"{value} is just below {_plain(one.limit)}, with which {one.rule} compares it"


def _similar(args: dict[str, Any], before: Sequence[Before]) -> Iterator[Flag]:
    lately = [one for one in before if one.lately]
    same = [one for one in lately if one.args == args]
    refused = sum(one.refused for one in lately)
    if len(lately) < MANY_LATELY and not same and not refused:
        return
    note = f"this agent asked {len(lately)} time{'' if len(lately) == 1 else 's'} for this tool in the last hour"
    if same:
        note += f", {len(same)} of them with exactly these arguments"
    if refused:
        note += f"; people refused {refused}"
    yield Flag("similar_lately", note)


def _long(args: dict[str, Any]) -> Iterator[Flag]:
    count = len(_as_json(args))
    if count > LONG_CHARS:
        yield Flag("long", f"its arguments have {count:,} characters: what counts may stand far down")


def _at(value: Any, path: Iterable[str]) -> Any:
    """None where nothing is."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else str(number)


def _characters(odd: Iterable[str]) -> str:
    """By number and name; of many, the first ones and how many more."""
    distinct = sorted(set(odd))
    named = [f"U+{ord(char):04X} {unicodedata.name(char, 'a control character')}" for char in distinct[:_NAMED]]
    more = len(distinct) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


_HALF = re.compile("[\ud800-\udfff]")


def _whole(text: str) -> bool:
    """Half a surrogate pair is no character: RE2 takes none. It is told as one that cannot be seen."""
    return text.isascii() or _HALF.search(text) is None
