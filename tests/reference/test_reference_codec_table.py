"""Every row of the codec table: weights come back, sizes are as counted, and parts that lie are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import GraphError, RangeError
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode, from_bytes, part_bytes
from xnorkit.reference.codecs.vector import from_codebook
from xnorkit.reference.hashing import buckets_and_signs, mix

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=7)
VALUES = st.sampled_from([0.0, 0.0, 0.0, -1.5, 0.25, 1e-30, 3e38]).map(np.float32)
WEIGHTS = hnp.arrays(np.float32, SHAPES, elements=VALUES)
ROWS = sorted(CODECS)


RANGES = {"huffman": st.integers(0, 1), "columns": st.integers(0, 1), "gap_bits": st.integers(1, 8)}


def _options(name: str, weight: np.ndarray, draw: st.DataObject) -> dict[str, int]:
    options = {key: draw.draw(RANGES[key]) for key in CODECS[name].options if key in RANGES}
    columns = weight.size // weight.shape[0]
    if name == "vector":
        options["segments"] = draw.draw(st.sampled_from([s for s in range(1, columns + 1) if columns % s == 0]))
    if name == "hashed":
        options |= {"buckets": draw.draw(st.integers(1, weight.size)), "seed": draw.draw(st.integers(0, 2**32 - 1))}
    return options


def fitting(name: str, weight: np.ndarray, options: dict[str, int]) -> np.ndarray:
    """The weight, or for ``hashed`` one that its hashes deal out: any buckets of the same values."""
    if name != "hashed":
        return weight
    bucket, sign = buckets_and_signs(weight.size, options.get("buckets", 1), options.get("seed", 0))
    return (weight.reshape(-1)[bucket] * sign).reshape(weight.shape)


def pruned(shape: tuple[int, ...] = (40, 50), kept: float = 0.1, values: int = 31, seed: int = 0) -> np.ndarray:
    """What pruning and sharing leave: few weights, of few values."""
    rng = np.random.default_rng(seed)
    weight = rng.choice(rng.standard_normal(values).astype(np.float32), shape)
    return np.where(rng.random(shape) < kept, weight, np.float32(0))


@settings(max_examples=60)
@pytest.mark.parametrize("name", ROWS)
@given(weight=WEIGHTS, draw=st.data())
def test_weights_come_back(name: str, weight: np.ndarray, draw: st.DataObject) -> None:
    options = _options(name, weight, draw)
    weight = fitting(name, weight, options)
    coded = CODECS[name].encode(weight, options)
    stored = np.frombuffer(coded.tobytes(), np.uint8)
    assert len(stored) == coded.nbytes == sum(part_bytes(coded).values())
    for one in (coded, from_bytes(name, weight.shape, coded.attrs, part_bytes(coded), stored)):
        found = decode(one)
        assert found.dtype == np.float32 and found.shape == weight.shape and np.array_equal(found, weight)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "weight",
    [np.zeros((3, 4)), np.full((2, 2), 7.0), np.array([1.0]), np.eye(1, 5000, 4999), np.eye(60)],
    ids=["empty", "all equal", "one weight", "a huge gap", "many gaps"],
)
def test_edges_come_back(name: str, weight: np.ndarray) -> None:
    weight = fitting(name, weight.astype(np.float32), {})
    for huffman in (0, 1) if "huffman" in CODECS[name].options else (None,):
        coded = CODECS[name].encode(weight, {} if huffman is None else {"huffman": huffman})
        assert np.array_equal(decode(coded), weight)


def test_a_row_is_the_sum_of_its_vectors_in_order_of_the_stages() -> None:
    rng = np.random.default_rng(1)
    book = rng.standard_normal((3, 2, 5, 4)).astype(np.float32)
    indices = rng.integers(0, 5, (3, 2, 7)).astype(np.uint8)
    found = decode(from_codebook(book, indices, (7, 2, 2, 2)))
    for row in range(7):
        for segment in range(2):
            first, second, third = (book[t, segment, indices[t, segment, row]] for t in range(3))
            assert np.array_equal(found[row].reshape(2, 4)[segment], (first + second) + third)


def test_the_hash_is_murmurs_finalizer_and_deals_out_evenly() -> None:
    assert [hex(int(word)) for word in mix(np.array([1, 0xFFFFFFFF], np.uint32))] == ["0x514e28b7", "0x81f16f39"]
    bucket, sign = buckets_and_signs(64_000, 64, seed=9)
    counts = np.bincount(bucket, minlength=64)
    assert counts.min() > 850 and counts.max() < 1150 and abs(int(sign.sum())) < 1000
    assert abs(int((sign * np.where(bucket & 1, 1, -1)).sum())) < 1000  # sign and bucket know nothing of each other
    assert (bucket != buckets_and_signs(64_000, 64, seed=10)[0]).mean() > 0.95


def test_bytes_are_those_of_the_papers_count() -> None:
    """Deep Compression, sec. 3: n weights of b bits, k values: n log2 k + k b bits; gaps of 5 bits beside them."""
    weight = pruned(values=31)
    plain = CODECS["sparse_shared"].encode(weight, {"huffman": 0})
    entries = plain.attrs["entries"]
    kinds = len(plain.parts["codebook"])
    assert kinds == 32 and plain.nbytes == 4 * kinds + 2 * -(-entries * 5 // 8)
    assert CODECS["sparse_shared"].encode(weight).nbytes < plain.nbytes + 2 * 32
    dense = CODECS["shared"].encode(weight + np.float32(1), {"huffman": 0})
    assert dense.nbytes == 4 * 32 + 2000 * 5 // 8


def _with(coded: Coded, **parts: np.ndarray) -> Coded:
    return replace(coded, parts={**coded.parts, **parts})


SPARSE = CODECS["sparse_shared"].encode(pruned())
PLAIN = CODECS["sparse_shared"].encode(pruned(), {"huffman": 0})
FLOATS = CODECS["sparse"].encode(pruned())
VECTORS = CODECS["vector"].encode(pruned(), {"segments": 10, "huffman": 0})
HASHED = CODECS["hashed"].encode(fitting("hashed", pruned(), {"buckets": 100}), {"buckets": 100})
LIES = {
    "codec": replace(SPARSE, codec="zip"),
    "no shape": replace(SPARSE, shape=()),
    "no element": replace(SPARSE, shape=(0, 4)),
    "a huge shape": replace(SPARSE, shape=(1 << 20, 1 << 20)),
    "a smaller shape": replace(SPARSE, shape=(10,)),
    "no entries": replace(SPARSE, attrs={"gap_bits": 5, "columns": 0, "huffman": 1}),
    "a bomb": replace(SPARSE, shape=(1 << 15, 1 << 15), attrs={**SPARSE.attrs, "entries": 1 << 29}),
    "more entries than weights": replace(SPARSE, attrs={**SPARSE.attrs, "entries": 2001}),
    "fewer entries": replace(SPARSE, attrs={**SPARSE.attrs, "entries": 3}),
    "gap bits": replace(SPARSE, attrs={**SPARSE.attrs, "gap_bits": 9}),
    "a width that the gaps pass": replace(SPARSE, attrs={**SPARSE.attrs, "gap_bits": 1}),
    "columns": replace(SPARSE, attrs={**SPARSE.attrs, "columns": 2}),
    "huffman": replace(SPARSE, attrs={**SPARSE.attrs, "huffman": 2}),
    "a text": replace(SPARSE, attrs={**SPARSE.attrs, "entries": "9"}),
    "no codebook": replace(SPARSE, parts={k: v for k, v in SPARSE.parts.items() if k != "codebook"}),
    "no lengths": replace(SPARSE, parts={k: v for k, v in SPARSE.parts.items() if k != "gaps_lengths"}),
    "a codebook of 0": _with(SPARSE, codebook=np.zeros(0, np.float32)),
    "a codebook of 257": _with(SPARSE, codebook=np.zeros(257, np.float32)),
    "a codebook without 0": _with(SPARSE, codebook=np.ones(32, np.float32)),
    "NaN": _with(SPARSE, codebook=np.array([0, np.nan], np.float32)),
    "values missing": _with(PLAIN, codebook=PLAIN.parts["codebook"][:17]),
    "another type": _with(SPARSE, codebook=SPARSE.parts["codebook"].astype(np.float64)),
    "another rank": _with(SPARSE, gaps=SPARSE.parts["gaps"][None]),
    "fewer values": _with(FLOATS, values=FLOATS.parts["values"][:-1]),
    "no segments": replace(VECTORS, attrs={**VECTORS.attrs, "segments": 0}),
    "segments that do not divide": replace(VECTORS, attrs={**VECTORS.attrs, "segments": 3}),
    "more stages": replace(VECTORS, attrs={**VECTORS.attrs, "stages": 2}),
    "part of a vector": _with(VECTORS, codebook=VECTORS.parts["codebook"][:-1]),
    "no vectors": _with(VECTORS, codebook=np.zeros(0, np.float32)),
    "vectors whose sum is infinite": from_codebook(
        np.full((2, 1, 1, 1), 3e38, np.float32), np.zeros((2, 1, 4), np.uint8), (4, 1)
    ),
    "no values": _with(HASHED, values=np.zeros(0, np.float32)),
    "more values than weights": _with(HASHED, values=np.zeros(2001, np.float32)),
    "a seed of 33 bits": replace(HASHED, attrs={"seed": 1 << 32}),
    "parts in another order": replace(SPARSE, parts=dict(sorted(SPARSE.parts.items(), reverse=True))),
    "one more attribute": replace(HASHED, attrs={"seed": 0, "more": 0}),
    "infinite values": _with(FLOATS, values=np.full_like(FLOATS.parts["values"], np.inf)),
}


@pytest.mark.parametrize("name", LIES)
def test_parts_that_lie_are_refused(name: str) -> None:
    with pytest.raises(GraphError) as refused, np.errstate(over="ignore"):
        decode(LIES[name])
    assert refused.value.reason == "coded"


@settings(max_examples=200)
@given(st.sampled_from([SPARSE, PLAIN, FLOATS, VECTORS, HASHED, CODECS["shared"].encode(pruned())]), st.data())
def test_damaged_parts_give_a_weight_or_the_error(coded: Coded, draw: st.DataObject) -> None:
    role = draw.draw(st.sampled_from(sorted(coded.parts)))
    data = bytearray(coded.parts[role].tobytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    part = np.frombuffer(bytes(data), coded.parts[role].dtype)
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            found = decode(_with(coded, **{role: part}))
    except GraphError as error:
        assert error.reason == "coded"
    else:
        assert found.shape == coded.shape and np.isfinite(found).all()


@pytest.mark.parametrize(
    ("weight", "options"),
    [
        (np.ones(3), {}),
        (np.array([np.nan], np.float32), {}),
        (np.zeros(0, np.float32), {}),
        (np.ones(3, np.float32), {"bits": 3}),
        (np.arange(300, dtype=np.float32), {}),
    ],
    ids=["float64", "NaN", "empty", "option", "many values"],
)
def test_weights_that_have_no_code_are_refused(weight: np.ndarray, options: dict[str, int]) -> None:
    with pytest.raises(RangeError):
        CODECS["shared"].encode(weight, options)


@pytest.mark.parametrize(
    "sizes", [{"codebook": 12, "indices": 1, "gaps": 3}, {"codebook": 10, "indices": 3, "gaps": 1}, {"codebook": -1}],
    ids=["too many", "half a number", "negative"],
)  # fmt: skip
def test_bytes_that_are_no_parts_are_refused(sizes: dict[str, int]) -> None:
    coded = CODECS["sparse_shared"].encode(np.array([[0.5, 0, 0], [0, 0, -0.25]], np.float32), {"huffman": 0})
    data = np.frombuffer(coded.tobytes(), np.uint8)
    with pytest.raises(GraphError):
        from_bytes("sparse_shared", (2, 3), coded.attrs, sizes, data)


def test_weights_that_no_hash_dealt_out_and_segments_that_do_not_divide_are_refused() -> None:
    with pytest.raises(RangeError, match="deal out"):
        CODECS["hashed"].encode(np.arange(9, dtype=np.float32), {"buckets": 2})
    with pytest.raises(RangeError, match="segments"):
        CODECS["vector"].encode(np.ones((2, 4), np.float32), {"segments": 3})
    with pytest.raises(RangeError, match="different vectors"):
        CODECS["vector"].encode(np.arange(300, dtype=np.float32)[:, None], {})
