"""Weights that a hash deals out over a few values, each with a sign of its own (Chen et al. 2015, HashedNets).

    W[i] = sign(i) values[bucket(i)]        hashes: ``reference.hashing``

Only the values are stored, and the seed.
"""

from __future__ import annotations

import numpy as np

from ...errors import RangeError
from ..hashing import MAX_SEED, buckets_and_signs
from .coded import Array, Codec, Coded, Parts, attr, damaged, floats


def _split(values: Array, options: dict[str, int]) -> tuple[dict[str, int], Parts]:
    bucket, sign = buckets_and_signs(len(values), options["buckets"], options["seed"])
    found = np.zeros(options["buckets"], np.float32)
    found[bucket] = values * sign
    if not np.array_equal(found[bucket] * sign, values):
        raise RangeError("hashed", "weight", got="other numbers", expected="those that these hashes deal out")
    return {"seed": options["seed"]}, {"values": found}


def _join(coded: Coded, size: int) -> Array:
    count = len(coded.parts["values"])
    if not 1 <= count <= size:
        raise damaged("hashed", "values", count, f"1..{size}")
    bucket, sign = buckets_and_signs(size, count, attr(coded, "seed", 0, MAX_SEED))
    return floats(coded, "values", count)[bucket] * sign


HASHED = Codec("hashed", "a few values that a hash deals out, with signs (HashedNets)", {"buckets": 1, "seed": 0},
               ("seed",), ("values",), _split, _join)  # fmt: skip
