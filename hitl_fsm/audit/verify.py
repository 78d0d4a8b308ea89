"""Does the record hold together? Total: any bytes give a report, never an exception.

The lines are walked in ranges (`walk`), in any order and anywhere; `Verification` puts together what the walks found,
in the order of the ranges, and holds it against signed checkpoints, anchors, the head, and the policies' texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from hitl_fsm.audit.chain import GENESIS
from hitl_fsm.audit.checkpoint import Tree, origin_of
from hitl_fsm.audit.claims import Claim, claim_of
from hitl_fsm.audit.findings import MAX_FINDINGS, Covered, Finding, Head, Kind, Report, Tally
from hitl_fsm.audit.keys import Verifier
from hitl_fsm.audit.moved import follow, nothing_moved
from hitl_fsm.audit.pruned import merged, untold
from hitl_fsm.audit.stated import Key, Stated
from hitl_fsm.audit.stated import joined as stating
from hitl_fsm.audit.tree import EMPTY, NODE_PREFIX, Frontier, dump, root_of
from hitl_fsm.audit.trust import Said, Trust
from hitl_fsm.audit.walk import RANGE, End, Row, Walked, walk
from hitl_fsm.errors import BadNote

__all__ = ["MAX_FINDINGS", "START", "Finding", "Head", "Line", "Report", "Verification", "verify"]

START = Head(0, GENESIS)


class Line(Protocol):
    """A stored record: its row's number, its exact bytes, the leaf that was stored beside it (hex)."""

    @property
    def seq(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def leaf(self) -> str: ...


class Anchor(NamedTuple):
    """A checkpoint as it was kept elsewhere; `place` says where."""

    place: str
    note: bytes


class Part(NamedTuple):
    """What was found in one range: its lines, how many checkpoints, what they claim, what is wrong with them."""

    walked: Walked
    claims: Sequence[Claim] = ()
    wrong: Sequence[Finding] = ()
    checkpoints: int = 0


class Held(NamedTuple):
    """What the lines are held against: keys that were given, anchors, and the lines that were verified before."""

    trust: Trust
    said: Said
    anchors: tuple[Anchor, ...] = ()
    since: Claim | None = None
    log: str = "default"


def verify(lines: Iterable[Line], expect: Head | None = None, start: Head = START) -> Report:
    """The chain alone: read the lines in their stored order from the one after `start` on.

    Finds edits, insertions, gaps, swaps and wrong hashes. Lines cut off at the end are missed by any chain: give the
    head that was kept elsewhere as `expect` to find them.
    """
    walked = walk(_rows(lines), End(start.seq, start.leaf))
    found = Tally()
    found.take(walked.findings, walked.total, walked.altered)
    head = Head(*walked.end)
    if expect is not None and head != expect:
        found.add(_wrong_end(head, expect))
    return Report(found.altered == 0, walked.lines, head, tuple(found.kept), found.total, found.verdict)


Files = Callable[[str, str], Sequence[str] | None]
"""The files of a set of policies, from its digest and its text; None where the text is not that of the digest."""


class Verification:
    """Puts together what was found in each range, in order: `add` each, then `end`."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.opened: int | None = None
        """Lines beside which contents were opened; see `Report`."""
        self._tally = Tally()
        self._tree: Frontier | None = EMPTY
        self._end = End(0, GENESIS)
        self._origin = ""
        self._lines = self._checkpoints = self._anchored = 0
        self._pruned: list[tuple[int, int]] = []
        self._stated: dict[Key, Stated] = {}
        self.moves = nothing_moved()
        """What lines say of how far runs and calls have come."""
        self._texts: list[tuple[Any, Sequence[str] | None]] = []
        self._covered: Covered | None = None
        self._agreed = self._strays = 0
        self._newest: Claim | None = None
        self._anchors = list(self._read_anchors())
        for finding in held.said.findings:
            self._tally.add(finding)

    @property
    def marks(self) -> list[int]:
        """Numbers of lines up to which the tree must be known, besides the sizes of the stored checkpoints."""
        wanted = {claim.tree.size for _, claim in self._anchors}
        if self._held.since is not None:
            wanted.add(self._held.since.tree.size)
        return sorted(wanted)

    def add(self, part: Part) -> None:
        """The next range."""
        walked, claims, wrong, checkpoints = part
        self._tally.take(walked.findings, walked.total, walked.altered)
        for finding in wrong:
            self._tally.add(finding)
        self._checkpoints += checkpoints
        if not self._origin and walked.first:
            self._origin = origin_of(self._held.log, walked.first)
        for claim in claims:
            self._hold(claim, self._tree_at(claim.tree.size, walked))
        for place, claim in self._anchors:
            if claim.tree.size in walked.marks:
                self._anchor(place, claim, self._tree_at(claim.tree.size, walked))
        since = self._held.since
        if since is not None and since.tree.size in walked.marks:
            self._since(since, self._tree_at(since.tree.size, walked))
        self._tree = None if self._tree is None else joined(self._tree, walked.tree)
        self._lines += walked.lines
        self._pruned += walked.pruned
        for key, said in walked.stated.items():
            self._stated[key] = stating(self._stated.get(key), said)
        follow(self.moves, walked.moves)
        self._end = walked.end if walked.lines else self._end

    @property
    def seen(self) -> tuple[int, int]:
        """How many lines, how many checkpoints."""
        return self._lines, self._checkpoints

    @property
    def is_pruned(self) -> bool:
        """Whether there are lines without a body."""
        return bool(self._pruned)

    @property
    def stated(self) -> dict[Key, Stated]:
        """What lines say of rows beside the record."""
        return self._stated

    @property
    def agreed(self) -> int:
        """Up to which line there is a checkpoint that the lines agree with, whoever signed it."""
        return self._agreed

    def found(self, seq: int, kind: Kind, what: str) -> None:
        """Something that was found beside the lines."""
        self._tally.add(Finding(seq, what, kind))

    def texts(self, policies: Iterable[tuple[Any, Any]], files: Files) -> None:
        """The digests and texts that are kept of policies."""
        for digest, text in policies:
            found = files(digest, text) if isinstance(digest, str) and isinstance(text, str) else None
            self._texts.append((digest, found))

    def end(self, head: Head) -> Report:
        """The report. What lines beyond `head` say counts for what was read after it."""
        real = Head(*self._end)
        if real != head:
            self._tally.add(_wrong_end(real, head))
        for place, claim in self._anchors:
            if claim.tree.size > self._end.seq:
                what = f"{place} is of {claim.tree.size} lines: the log was cut off, or is an older copy"
                self.found(self._end.seq, "anchor", what)
        since = self._held.since
        if since is not None and since.tree.size > self._end.seq:
            self.found(self._end.seq, "root", f"{since.tree.size} lines were verified before: the log was cut off")
        self._signed()
        self._check_policies(head)
        for finding in untold(merged(self._pruned), self._held.said.pruned, self._covered.size if self._covered else 0):
            self._tally.add(finding)
        trust, found = self._held.trust, self._tally
        return Report(
            found.altered == 0,
            self._lines,
            real,
            tuple(found.kept),
            found.total,
            found.verdict,
            trust.why,
            tuple(sorted(Verifier(self._origin, one).text for one in trust.believed)),
            self._checkpoints,
            self._covered,
            self._anchored,
            self.opened,
        )

    def _read_anchors(self) -> Iterator[tuple[str, Claim]]:
        for place, note in self._held.anchors:
            try:
                yield place, claim_of(note, self._held.trust.known)
            except BadNote as error:
                self.found(0, "anchor", f"{place}: {error.message}")

    def _tree_at(self, size: int, walked: Walked) -> Frontier | None:
        """The tree of the first `size` lines; None where lines are missing before."""
        local = walked.marks.get(size)
        found = None if local is None or self._tree is None else joined(self._tree, local)
        return found if found is not None and found.size == size else None

    def _hold(self, claim: Claim, tree: Frontier | None) -> None:
        """A stored checkpoint against the lines."""
        size = claim.tree.size
        if tree is None or claim.tree != Tree(self._origin, size, root_of(tree)):
            if not self._strays:
                whose = "lines" if claim.tree.origin == self._origin else "log"
                what = f"the {whose} up to {size} are not what its checkpoint says; up to {self._agreed} they are"
                self.found(size, "root", what)
            self._strays += 1
            return
        if claim.frontier != hashlib.sha256(dump(tree)).digest():
            self.found(
                size, "checkpoint", f"what is stored of the tree beside the checkpoint of {size} lines is not it"
            )
        self._agreed = size
        self._newest = claim
        if not self._held.trust.believed.isdisjoint(claim.signers):
            self._covered = Covered(size, claim.tree.root.hex(), claim.note.decode())

    def _anchor(self, place: str, claim: Claim, tree: Frontier | None) -> None:
        size = claim.tree.size
        if tree is None or claim.tree != Tree(self._origin, size, root_of(tree)):
            self.found(size, "anchor", f"the first {size} lines are not those of {place}")
            return
        self._anchored += 1
        if not claim.signers:
            self.found(size, "untrusted", f"{place} is of these lines, but no key that the record names signed it")

    def _since(self, since: Claim, tree: Frontier | None) -> None:
        size = since.tree.size
        if tree is None or since.tree != Tree(self._origin, size, root_of(tree)):
            self.found(size, "root", f"the first {size} lines are not those that were verified before")
            return
        self._agreed = max(self._agreed, size)
        if self._covered is None or self._covered.size < size:
            self._covered = Covered(size, since.tree.root.hex(), since.note.decode())

    def _signed(self) -> None:
        """What no signature covers."""
        if self._strays > 1:
            self.found(self._agreed, "root", f"so say {self._strays} checkpoints")
        last, covered = self._end.seq, self._covered.size if self._covered else 0
        if not covered and not self._checkpoints and self._held.trust.why == "given":
            self.found(0, "key", "the keys that were given have signed nothing of what is there")
        elif not self._lines and not self._checkpoints:
            self.found(0, "unsigned", "there are no lines, and nothing tells whether there ever were any")
        elif not self._lines or covered >= last:
            return
        elif not self._checkpoints and not covered and self._held.said.keys:
            self.found(0, "checkpoint", "the record names a key, and of what that signed nothing is there")
        elif not self._checkpoints and not covered:
            what = "nothing is signed: whoever can write the store could have made all of it"
            self.found(0, "unsigned", what)
        elif self._newest is not None and self._newest.tree.size > covered:
            what = f"the lines from {covered + 1} on are signed by keys that nobody who is believed handed over to"
            self.found(covered + 1, "key" if self._held.trust.why == "given" and not covered else "untrusted", what)
        else:
            self.found(
                covered + 1, "uncovered", f"the lines {covered + 1} to {last} are covered by no signed checkpoint"
            )

    def _check_policies(self, head: Head) -> None:
        there = set[str]()
        named = self._held.said.policies
        for digest, found in self._texts:
            seq, told = named.get(str(digest), (0, None))
            if found is None or (seq and told != list(found)):
                self.found(seq, "policies", f"the text kept for the policies {digest!r:.80} is not theirs")
                continue
            there.add(digest)
            if not seq:
                self.found(0, "policies", f"no line says that the policies {digest!r:.80} were in force")
        for digest, (seq, _) in named.items():
            if digest not in there and seq <= head.seq:
                self.found(seq, "policies", f"the text of the policies {digest!r:.80} is gone, or is not theirs")


def joined(base: Frontier, part: Frontier) -> Frontier | None:
    """The tree of a whole number of ranges, and of what comes after them; None where they do not fit."""
    if base.size % RANGE or part.size > RANGE:
        return None
    if part.size < RANGE:
        return Frontier(base.size + part.size, base.peaks + part.peaks)
    peaks, node, rest = list(base.peaks), part.peaks[0], base.size // RANGE
    while rest & 1:
        node = hashlib.sha256(NODE_PREFIX + peaks.pop() + node).digest()
        rest >>= 1
    return Frontier(base.size + part.size, (*peaks, node))


def _rows(lines: Iterable[Line]) -> Iterator[Row]:
    for line in lines:
        try:
            leaf: object = bytes.fromhex(line.leaf) if isinstance(line.leaf, str) else None
        except ValueError:
            leaf = b""
        yield line.seq, None, line.body, leaf


def _wrong_end(head: Head, expect: Head) -> Finding:
    if head.seq < expect.seq:
        return Finding(head.seq, f"the log ends here; it should reach line {expect.seq}", "end")
    if head.seq > expect.seq:
        return Finding(head.seq, f"the log goes on beyond line {expect.seq}, which should be its last", "end")
    return Finding(head.seq, "the last line is not the expected one", "end")
