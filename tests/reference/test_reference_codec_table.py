"""Every row of the codec table: weights come back, sizes are as counted, and parts that lie are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xnorkit.errors import FormatError, RangeError
from xnorkit.reference.codecs.table import CODECS, Coded, decode

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=7)
VALUES = st.sampled_from([0.0, 0.0, 0.0, -1.5, 0.25, 1e-30, 3e38]).map(np.float32)
WEIGHTS = hnp.arrays(np.float32, SHAPES, elements=VALUES)
ROWS = sorted(CODECS)


def _options(name: str, draw: st.DataObject) -> dict[str, int]:
    options = {"huffman": draw.draw(st.integers(0, 1))}
    return options | ({"gap_bits": draw.draw(st.integers(1, 8))} if "gap_bits" in CODECS[name].options else {})


def pruned(shape: tuple[int, ...] = (40, 50), kept: float = 0.1, values: int = 31, seed: int = 0) -> np.ndarray:
    """What pruning and sharing leave: few weights, of few values."""
    rng = np.random.default_rng(seed)
    weight = rng.choice(rng.standard_normal(values).astype(np.float32), shape)
    return np.where(rng.random(shape) < kept, weight, np.float32(0))


@settings(max_examples=60)
@pytest.mark.parametrize("name", ROWS)
@given(weight=WEIGHTS, draw=st.data())
def test_weights_come_back(name: str, weight: np.ndarray, draw: st.DataObject) -> None:
    coded = CODECS[name].encode(weight, _options(name, draw))
    assert set(CODECS[name].roles) <= set(coded.parts)
    found = decode(coded)
    assert found.dtype == np.float32 and found.shape == weight.shape and np.array_equal(found, weight)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "weight",
    [np.zeros((3, 4)), np.full((2, 2), 7.0), np.array([1.0]), np.eye(1, 5000, 4999), np.eye(60)],
    ids=["empty", "all equal", "one weight", "a huge gap", "many gaps"],
)
def test_edges_come_back(name: str, weight: np.ndarray) -> None:
    for huffman in (0, 1):
        coded = CODECS[name].encode(weight.astype(np.float32), {"huffman": huffman})
        assert np.array_equal(decode(coded), weight)


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
LIES = {
    "codec": replace(SPARSE, codec="zip"),
    "no shape": replace(SPARSE, shape=()),
    "no element": replace(SPARSE, shape=(0, 4)),
    "a huge shape": replace(SPARSE, shape=(1 << 20, 1 << 20)),
    "a smaller shape": replace(SPARSE, shape=(10,)),
    "no entries": replace(SPARSE, attrs={"gap_bits": 5, "huffman": 1}),
    "a bomb": replace(SPARSE, shape=(1 << 15, 1 << 15), attrs={**SPARSE.attrs, "entries": 1 << 29}),
    "more entries than weights": replace(SPARSE, attrs={**SPARSE.attrs, "entries": 2001}),
    "fewer entries": replace(SPARSE, attrs={**SPARSE.attrs, "entries": 3}),
    "gap bits": replace(SPARSE, attrs={**SPARSE.attrs, "gap_bits": 9}),
    "a width that the gaps pass": replace(SPARSE, attrs={**SPARSE.attrs, "gap_bits": 1}),
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
    "infinite values": _with(FLOATS, values=np.full_like(FLOATS.parts["values"], np.inf)),
}


@pytest.mark.parametrize("name", LIES)
def test_parts_that_lie_are_refused(name: str) -> None:
    with pytest.raises(FormatError) as refused:
        decode(LIES[name])
    assert refused.value.reason == "coded"


@settings(max_examples=200)
@given(st.sampled_from([SPARSE, PLAIN, FLOATS, CODECS["shared"].encode(pruned())]), st.data())
def test_damaged_parts_give_a_weight_or_the_error(coded: Coded, draw: st.DataObject) -> None:
    role = draw.draw(st.sampled_from(sorted(coded.parts)))
    data = bytearray(coded.parts[role].tobytes())
    for _ in range(draw.draw(st.integers(1, 3))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    part = np.frombuffer(bytes(data), coded.parts[role].dtype)
    try:
        with np.errstate(invalid="ignore"):
            found = decode(_with(coded, **{role: part}))
    except FormatError as error:
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
