"""What must never stand in the record, taken out before anything is committed to or encrypted.

`⟦redacted: card⟧` says of what kind it was, no more. The digests of actions are over the true values (law 5): only what
is stored is redacted. Patterns come after what a schema marks as `x-sensitive`, which is masked already; they find
shapes that are well known, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import re2  # type: ignore[import-untyped]

from hitl_fsm.audit.redact_fold import folded
from hitl_fsm.audit.redact_kinds import KINDS, Kind, Proof, is_card
from hitl_fsm.audit.redact_named import MEMBER, NAMED_HINT, holds_secret, is_labelled_secret, label_of, members
from hitl_fsm.errors import SettingsError

__all__ = ["KIND_NAMES", "Own", "Redactor", "builtin", "redactor"]

TEXT_LIMIT = 4 * 1024 * 1024
"""Characters of one text that are looked through; a longer one does not stand in the record at all."""
OWN_PATTERNS = 100
"""Patterns of an application's own."""
PATTERN_CHARS = 1_000
"""Characters of one of them."""
NAME_CHARS = 40

FREE_TEXTS = ("error", "finding", "findings", "instead_of", "note", "problem", "reason", "why")
"""The names under which a line itself holds text that somebody, or something, wrote freely."""
MARK = "⟦redacted: "
"""With what begins what stands in the place of something that was taken out."""
_encode = msgspec.json.Encoder().encode
KIND_NAMES = tuple(kind.name for kind in KINDS)

_decode = msgspec.json.Decoder().decode


class Own(NamedTuple):
    """A pattern of the application's own (RE2): all of what it finds goes, and `name` is told instead."""

    name: str
    pattern: str


class _Shape(NamedTuple):
    """A built-in one looks at the folded text, one of the application's own at the text as it is."""

    mark: str
    regex: Any
    proof: Proof | None
    folds: bool


def _compiled(pattern: str) -> Any:
    """Quiet, since RE2 writes errors to stderr by itself."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _mark(name: str) -> str:
    return f"{MARK}{name}⟧"


class Redactor:
    """One set of patterns, compiled once. What none of them finds costs one pass over its JSON."""

    def __init__(self, kinds: Iterable[Kind], own: Iterable[Own] = ()) -> None:
        kinds, own = tuple(kinds), tuple(own)
        mine = tuple(_Shape(_mark(one.name), _compiled(one.pattern), None, folds=False) for one in own)
        self._secrets = tuple(_shape(kind) for kind in kinds if kind.secret) + mine
        self._all = tuple(_shape(kind) for kind in kinds) + mine
        if any(kind.name == "password" for kind in kinds):
            self._all = (_Shape(_mark("password"), _compiled(MEMBER), members, folds=True), *self._all)
        self._cards = any(kind.name == "card" for kind in kinds)
        self._named = any(kind.name == "password" for kind in kinds)
        named = (NAMED_HINT,) if self._named else ()
        # An own pattern may be about a text's begin, or about what JSON writes otherwise: each text is looked at.
        self._hint = None if own else _joined((*(kind.hint for kind in kinds), *named))
        self._secret_hint = None if own else _joined(kind.hint for kind in kinds if kind.secret)

    def text(self, text: str) -> str:
        """A text without what any pattern finds in it."""
        return _redacted(text, self._all)

    def contents(self, contents: Mapping[str, Any], body: bytes) -> dict[str, Any] | None:
        """Contents without it; None where nothing is to go. `body` has their JSON in it.

        ValueError, TypeError, RecursionError or OverflowError where they are no JSON.
        """
        if self._hint is not None and self._hint.search(_folded_json(body)) is None:
            return None
        plain = _decode(_encode(contents))
        changed: dict[str, Any] = {name: self._walked(value, self._all) for name, value in plain.items()}
        return None if changed == plain else changed

    def data(self, data: Mapping[str, Any], line: bytes) -> dict[str, Any] | None:
        """What stands in a line itself: secrets go wherever they are, people's data where text is free.

        None where nothing is to go. Names and ids stay what they are, even where one looks like an address.
        """
        free = [name for name in FREE_TEXTS if name in data]
        if not free and self._secret_hint is not None and self._secret_hint.search(_folded_json(line)) is None:
            return None
        plain = _decode(_encode(data))
        changed = self._walked(plain, self._secrets)
        for name in free:
            changed[name] = self._walked(changed[name], self._all)
        return None if changed == plain else changed

    def _walked(self, value: Any, shapes: tuple[_Shape, ...]) -> Any:
        """With new containers; keys count as texts."""
        if isinstance(value, str):
            return self._cleared(self._inside(value, shapes), shapes)
        if isinstance(value, list):
            return [self._walked(one, shapes) for one in value]
        if isinstance(value, dict):
            return self._walked_members(value, shapes)
        if self._cards and shapes is self._all and type(value) is int and value > 0 and is_card(str(value)):
            return _mark("card")
        return value

    def _walked_members(self, value: dict[str, Any], shapes: tuple[_Shape, ...]) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        label = label_of(value)
        for key, one in value.items():
            name = plain = self._cleared(key, shapes)
            number = 1
            while name in changed:  # two keys of one kind
                number += 1
                name = f"{plain} {number}"
            is_secret = holds_secret(folded(key), one) or is_labelled_secret(label, key, one)
            hides = is_secret and self._named and shapes is self._all
            changed[name] = _mark("password") if hides else self._walked(one, shapes)
        return changed

    def _cleared(self, text: str, shapes: tuple[_Shape, ...]) -> str:
        """`_redacted`; of many texts that stand beside one in which something is to go, one look tells most apart."""
        hint = self._hint if shapes is self._all else self._secret_hint
        if hint is not None and len(text) <= TEXT_LIMIT and hint.search(_folded_json(_encode(text))) is None:
            return text
        return _redacted(text, shapes)

    def _inside(self, text: str, shapes: tuple[_Shape, ...]) -> str:
        """A text that is JSON as a whole, where a member is of the kind that goes: written anew without it."""
        if shapes is not self._all or not self._named or not text.lstrip().startswith(("{", "[")):
            return text
        if len(text) > TEXT_LIMIT:
            return text
        try:
            plain = json.loads(text)
            changed = self._walked(plain, shapes)
        except (ValueError, RecursionError):
            return text
        return text if changed == plain else json.dumps(changed, indent=2 if "\n" in text else None, ensure_ascii=False)


def _shape(kind: Kind) -> _Shape:
    return _Shape(_mark(kind.name), _compiled(kind.pattern), kind.proof, folds=True)


def _folded_json(body: bytes) -> bytes:
    """As the hints look at it; other bytes than UTF-8 are found to be none where they are decoded."""
    if body.isascii():
        return body
    text = body.decode("utf-8", "replace")
    plain = folded(text)
    return body if plain is text else plain.encode()


def _joined(hints: Iterable[str]) -> Any:
    """Over UTF-8, for bytes."""
    return _compiled_bytes("|".join(f"(?:{hint})" for hint in hints) or r"\z\A.")


def _compiled_bytes(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def _redacted(text: str, shapes: tuple[_Shape, ...]) -> str:
    if len(text) > TEXT_LIMIT:
        return _mark(f"{len(text)} characters")
    plain = folded(text)
    for shape in shapes:
        pieces: list[str] = []
        kept = 0
        seen = plain if shape.folds else text
        for match in shape.regex.finditer(seen):
            for start, end in _places(match, shape.proof, seen):
                pieces += (text[kept:start], shape.mark)
                kept = end
        if pieces:
            text = "".join((*pieces, text[kept:]))
            plain = folded(text)
    return text


def _places(match: Any, proof: Proof | None, text: str) -> Iterable[tuple[int, int]]:
    groups = (match.span(number) for number in range(1, match.re.groups + 1))
    start, end = next((span for span in groups if span != (-1, -1)), match.span())
    if proof is not None:
        return proof(text, start, end)
    return ((start, end),) if end > start else ()


def redactor(off: Collection[str] = (), own: Iterable[Own] = ()) -> Redactor:
    """The built-in patterns but for those turned off, and an application's own. SettingsError for a wrong one."""
    unknown = sorted(set(off) - set(KIND_NAMES))
    if unknown:
        msg = f"no built-in pattern is called {unknown[0]!r}"
        raise SettingsError(msg, help=f"those that can be turned off are {', '.join(KIND_NAMES)}")
    own = tuple(own)
    if len(own) > OWN_PATTERNS:
        msg = f"{len(own)} patterns of your own are more than {OWN_PATTERNS}"
        raise SettingsError(msg, help="put several into one, with |")
    for one in own:
        _check(one)
    if not off and not own:
        return builtin()
    return Redactor((kind for kind in KINDS if kind.name not in off), own)


def _check(own: Own) -> None:
    if not (0 < len(own.name) <= NAME_CHARS and own.name.isprintable() and not set(own.name) & set("⟦⟧")):
        msg = f"{own.name!r} cannot be the name of a pattern"
        raise SettingsError(msg, help=f"it is told in the record: 1 to {NAME_CHARS} printable characters")
    if len(own.pattern) > PATTERN_CHARS:
        msg = f"the pattern {own.name!r} has {len(own.pattern)} characters"
        raise SettingsError(msg, help=f"at most {PATTERN_CHARS}")
    try:
        regex = _compiled(own.pattern)
    except (re2.error, UnicodeEncodeError) as error:
        text = error.args[0] if error.args else error
        why = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        msg = f"the pattern {own.name!r} is not RE2: {why}"
        raise SettingsError(msg, help="RE2 has no look-around and no back-references") from error
    if regex.search("") is not None:
        msg = f"the pattern {own.name!r} finds the empty text"
        raise SettingsError(msg, help="write what must be there")


@lru_cache(maxsize=1)
def builtin() -> Redactor:
    """All built-in patterns."""
    return Redactor(KINDS)
