"""Coded weights: the engine's decoder gives the reference's bits, and both refuse the same damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnorkit.errors import GraphError
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode
from xnorkit.reference.codecs.vector import from_codebook
from xnorkit.reference.hashing import buckets_and_signs
from xnorkit.runtime.decode import decoded
from xnorkit.runtime.native import engine


def _weight(seed: int, shape: tuple[int, ...], kept: float, values: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weight = rng.choice(rng.standard_normal(values).astype(np.float32), shape)
    return np.where(rng.random(shape) < kept, weight, np.float32(0))


def coded_weights() -> dict[str, Coded]:
    """Every codec with fields and with codes, from one weight up to thousands, and gaps of every width."""
    rng = np.random.default_rng(3)
    found: dict[str, Coded] = {}
    for shape, kept, values in (((1,), 1.0, 1), ((7, 3), 0.0, 2), ((40, 5, 5), 0.1, 15), ((300, 40), 0.03, 250)):
        weight = _weight(1, shape, kept, values)
        for huffman in (0, 1):
            for width in range(1, 9):
                options = {"huffman": huffman, "gap_bits": width, "columns": width % 2}
                found[f"sparse {shape} {options}"] = CODECS["sparse"].encode(weight, options)
                found[f"sparse_shared {shape} {options}"] = CODECS["sparse_shared"].encode(weight, options)
            found[f"shared {shape} {huffman}"] = CODECS["shared"].encode(weight, {"huffman": huffman})
            for segments in (1, 5):
                if weight[0].size % segments == 0 and (segments > 1 or shape[0] < 256):
                    options = {"huffman": huffman, "segments": segments}
                    found[f"vector {shape} {options}"] = CODECS["vector"].encode(weight[:200], options)
    for stages in (1, 2, 16):
        book = rng.standard_normal((stages, 4, 33, 6)).astype(np.float32)
        indices = rng.integers(0, 33, (stages, 4, 50)).astype(np.uint8)
        found[f"residual {stages}"] = from_codebook(book, indices, (50, 24))
    for seed, buckets in ((0, 1), (5, 77), (2**32 - 1, 4000)):
        bucket, sign = buckets_and_signs(4000, buckets, seed)
        weight = (rng.standard_normal(buckets).astype(np.float32)[bucket] * sign).reshape(100, 40)
        found[f"hashed {seed}"] = CODECS["hashed"].encode(weight, {"buckets": buckets, "seed": seed})
    return found


WEIGHTS = coded_weights()


def test_the_engine_knows_the_codecs_of_the_table() -> None:
    assert tuple(CODECS) == engine.CODECS
    assert {coded.codec for coded in WEIGHTS.values()} == set(CODECS)


@pytest.mark.parametrize("name", WEIGHTS)
def test_bits_are_the_references(name: str) -> None:
    found, expected = decoded(WEIGHTS[name]), decode(WEIGHTS[name])
    assert found.shape == expected.shape and np.array_equal(found.view(np.uint32), expected.view(np.uint32))


def _outcome(decoder: object, coded: Coded) -> bytes | None:
    """The weight's bytes, or None where it is refused."""
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            return bytes(decoder(coded).tobytes())  # type: ignore[operator]
    except GraphError as error:
        assert error.reason == "coded"
        return None


@settings(max_examples=500)
@given(st.sampled_from(sorted(WEIGHTS)), st.data())
def test_both_refuse_the_same_damage(name: str, draw: st.DataObject) -> None:
    coded = WEIGHTS[name]
    role = draw.draw(st.sampled_from(sorted(coded.parts)))
    data = bytearray(coded.parts[role].tobytes())
    for _ in range(draw.draw(st.integers(0, 2))):
        if data:
            data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    data = data[: len(data) - 4 * draw.draw(st.integers(0, 1))]
    parts = {**coded.parts, role: np.frombuffer(bytes(data), coded.parts[role].dtype)}
    attrs = dict(coded.attrs)
    if draw.draw(st.booleans()):
        key = draw.draw(st.sampled_from(sorted(attrs)))
        attrs[key] = draw.draw(st.sampled_from([-1, 0, 1, 2, 5, 8, 9, attrs[key] - 1, attrs[key] + 1, 2**40]))
    shape = draw.draw(st.sampled_from([coded.shape, (*coded.shape[:-1], coded.shape[-1] + 1), (1,), (3, 1000)]))
    damaged = replace(coded, parts=parts, attrs=attrs, shape=shape)
    assert _outcome(decoded, damaged) == _outcome(decode, damaged)
