"""The Merkle tree over the record's leaves (RFC 6962, RFC 9162): its root, grown leaf by leaf, and proofs about it.

A leaf is already a leaf hash (`chain.leaf_of`); a node is SHA-256(0x01 ‖ left ‖ right). Proofs read the leaves once,
in order, and keep none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from hitl_fsm.errors import RecordError

NODE_PREFIX = b"\x01"
HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**62
"""Leaves of a tree; a proof has at most 64 hashes then."""

_SIZE_BYTES = 8


class Frontier(NamedTuple):
    """All that is needed of a tree of `size` leaves to go on: the roots of its complete subtrees, largest first."""

    size: int
    peaks: tuple[bytes, ...]


EMPTY = Frontier(0, ())


def extend(frontier: Frontier, leaves: Iterable[bytes]) -> Frontier:
    """The tree with some more leaves at its end."""
    size, peaks = frontier.size, list(frontier.peaks)
    sha256, push, pop = hashlib.sha256, peaks.append, peaks.pop
    for leaf in leaves:
        node, rest = leaf, size
        while rest & 1:
            node = sha256(b"\x01" + pop() + node).digest()
            rest >>= 1
        push(node)
        size += 1
    return Frontier(size, tuple(peaks))


def levels_of(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The roots of all complete subtrees: of one leaf each, of two, of four, and so on."""
    found, sha256 = [leaves], hashlib.sha256
    while len(found[-1]) > 1:
        nodes = iter(found[-1])
        found.append([sha256(b"\x01" + left + right).digest() for left, right in zip(nodes, nodes, strict=False)])
    return found


def frontier_in(levels: Sequence[Sequence[bytes]], size: int) -> Frontier:
    """The tree of the first `size` of the leaves that `levels` are of."""
    heights = [height for height in range(size.bit_length() - 1, -1, -1) if size >> height & 1]
    return Frontier(size, tuple(levels[height][(size >> height) - 1] for height in heights))


def root_of(frontier: Frontier) -> bytes:
    """The tree's root."""
    if not frontier.peaks:
        return EMPTY_ROOT
    *rest, root = frontier.peaks
    for peak in reversed(rest):
        root = _node(peak, root)
    return root


def dump(frontier: Frontier) -> bytes:
    """As bytes: the size in 8 bytes, big-endian, and the peaks."""
    return frontier.size.to_bytes(_SIZE_BYTES, "big") + b"".join(frontier.peaks)


def load(data: bytes) -> Frontier:
    """What `dump` wrote; RecordError for anything else."""
    size, peaks = int.from_bytes(data[:_SIZE_BYTES], "big"), data[_SIZE_BYTES:]
    if len(data) < _SIZE_BYTES or size > MAX_SIZE or len(peaks) != size.bit_count() * HASH_BYTES:
        msg = "the frontier of the record's tree has a wrong length"
        raise RecordError(msg, help="`hitl-fsm audit verify` tells more")
    return Frontier(size, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


def inclusion_proof(leaves: Iterable[bytes], index: int, size: int) -> list[bytes]:
    """That the leaf at `index` (from 0) is in the tree of the first `size` leaves; RecordError where there is no such.

    `leaves` are those of the whole tree, from the first one on.
    """
    if not 0 <= index < size <= MAX_SIZE:
        msg = f"a tree of {size} leaves has no leaf {index}"
        raise RecordError(msg, help="leaves are counted from 0")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _roots(leaves, ranges[::-1])


def consistency_proof(leaves: Iterable[bytes], old: int, size: int) -> list[bytes]:
    """That the tree of the first `size` leaves is the one of the first `old`, grown; RecordError where it is not.

    `leaves` are those of the larger tree, from the first one on.
    """
    if not 0 < old <= size <= MAX_SIZE:
        msg = f"a tree of {old} leaves does not grow into one of {size}"
        raise RecordError(msg, help="give two sizes, the smaller one first, neither of them 0")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))  # an old tree that stands in the new one as it is needs no telling
    return _roots(leaves, ranges[::-1])


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf at `index` to the root of a tree of `size` leaves (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != HASH_BYTES or not _hashes(proof):
        return False
    at, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = _node(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(old: Frontier | tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Whether the proof leads from an old tree (size, root) to a new one (RFC 9162, 2.1.4.2)."""
    old_size, old_root = (old.size, root_of(old)) if isinstance(old, Frontier) else old
    size, root = new
    if not 0 < old_size <= size or not _hashes(proof):
        return False
    if old_size == size:
        return not proof and old_root == root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    was = now = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = _node(sibling, was), _node(sibling, now)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            now = _node(now, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and was == old_root and now == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _hashes(proof: Sequence[bytes]) -> bool:
    return all(len(one) == HASH_BYTES for one in proof)


def _roots(leaves: Iterable[bytes], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The roots of some ranges of leaves that do not overlap, in the order of `ranges`; the leaves are read once."""
    found: dict[tuple[int, int], bytes] = {}
    stream, at = iter(leaves), 0
    for start, end in sorted(ranges):
        _skip(stream, start - at)
        part = extend(EMPTY, islice(stream, end - start))
        if part.size != end - start:
            msg = f"there are fewer than {end} leaves"
            raise RecordError(msg, help="the proof needs all leaves of its tree")
        found[start, end] = root_of(part)
        at = end
    return [found[one] for one in ranges]


def _skip(stream: Iterator[bytes], count: int) -> None:
    next(islice(stream, count, count), None)
