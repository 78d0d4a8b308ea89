"""The tree is that of RFC 6962, and its proofs prove what they say and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.tree import (
    EMPTY,
    Frontier,
    consistency_proof,
    dump,
    extend,
    frontier_in,
    inclusion_proof,
    is_consistent,
    is_included,
    levels_of,
    load,
    root_of,
)
from hitl_fsm.errors import RecordError

ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (  # of the first n of these entries, as certificate-transparency's own tests have them
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [bytes.fromhex(leaf_of(bytes.fromhex(entry))) for entry in ENTRIES]
MOST = 70

sizes = st.integers(1, MOST)


def many(count: int) -> list[bytes]:
    return [hashlib.sha256(b"%d" % number).digest() for number in range(count)]


def naive(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_known_roots(size: int) -> None:
    assert root_of(extend(EMPTY, LEAVES[:size])).hex() == ROOTS[size]


def test_known_proofs() -> None:
    """Of certificate-transparency's own tests: leaf 5 of 8, leaf 1 of 5, and trees of 6 and 8."""
    assert [one.hex() for one in inclusion_proof(LEAVES, 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [one.hex() for one in inclusion_proof(LEAVES, 1, 5)] == [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]
    assert [one.hex() for one in consistency_proof(LEAVES, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(sizes, st.integers(0, MOST))
def test_a_tree_that_grows_is_the_tree_that_is_made_at_once(size: int, first: int) -> None:
    leaves = many(size)
    grown = extend(load(dump(extend(EMPTY, leaves[:first]))), leaves[first:])
    assert grown == extend(EMPTY, leaves)
    assert root_of(grown) == naive(leaves)


@given(st.integers(0, MOST))
def test_the_levels_of_all_leaves_have_the_tree_of_any_first_ones(count: int) -> None:
    levels = levels_of(many(count))
    grown = [extend(EMPTY, many(size)) for size in range(count + 1)]
    assert [frontier_in(levels, size) for size in range(count + 1)] == grown


@given(sizes, st.data())
def test_every_leaf_can_be_proved(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = many(size)
    root = naive(leaves)
    proof = inclusion_proof(iter(leaves), index, size)
    assert is_included(leaves[index], index, size, proof, root)
    others = {other for other in range(size) if is_included(leaves[index], other, size, proof, root)}
    assert others == {index}
    assert not is_included(many(size + 1)[-1], index, size, proof, root)
    assert not is_included(leaves[index], index, size, [*proof, root], root)
    assert not is_included(leaves[index], index, size, proof, leaves[index] if size > 1 else bytes(32))
    for place in range(len(proof)):
        assert not is_included(leaves[index], index, size, proof[:place] + proof[place + 1 :], root)
        wrong = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not is_included(leaves[index], index, size, wrong, root)


@given(sizes, st.data())
def test_growth_can_be_proved(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    leaves = many(size)
    before, after = naive(leaves[:old]), naive(leaves)
    proof = consistency_proof(iter(leaves), old, size)
    assert is_consistent((old, before), (size, after), proof)
    assert is_consistent(extend(EMPTY, leaves[:old]), (size, after), proof)
    assert not is_consistent((old, bytes(32)), (size, after), proof)
    assert not is_consistent((old, before), (size, bytes(32)), proof)
    assert not is_consistent((old, before), (size, after), [*proof, before])
    for place in range(len(proof)):
        assert not is_consistent((old, before), (size, after), proof[:place] + proof[place + 1 :])
        wrong = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not is_consistent((old, before), (size, after), wrong)


def test_other_sizes_are_refused() -> None:
    leaves = many(5)
    root = naive(leaves)
    proof = inclusion_proof(leaves, 2, 5)
    for index, size in ((-1, 5), (5, 5), (0, 0), (2, 4), (2, 1 << 62)):
        assert not is_included(leaves[2], index, size, proof, root)
    for old, new in ((0, 5), (6, 5), (-1, 5), (2, 1 << 62)):
        assert not is_consistent((old, root), (new, root), proof)
    assert not is_included(leaves[2][:31], 2, 5, proof, root)
    assert not is_included(leaves[2], 2, 5, [proof[0][:31], *proof[1:]], root)
    assert not is_consistent((2, root), (5, root), [])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, 9)])
def test_no_proof_without_the_leaves(index: int, size: int) -> None:
    with pytest.raises(RecordError):
        inclusion_proof(LEAVES, index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3), (3, 9)])
def test_no_proof_of_growth_without_the_leaves(old: int, size: int) -> None:
    with pytest.raises(RecordError):
        consistency_proof(LEAVES, old, size)


@given(st.binary(max_size=300))
def test_only_whole_frontiers_are_loaded(data: bytes) -> None:
    try:
        found = load(data)
    except RecordError:
        return
    assert dump(found) == data


def test_a_cut_frontier_is_not_loaded() -> None:
    data = dump(extend(EMPTY, many(11)))
    assert load(data) == Frontier(11, extend(EMPTY, many(11)).peaks)
    for end in range(len(data)):
        with pytest.raises(RecordError):
            load(data[:end])
