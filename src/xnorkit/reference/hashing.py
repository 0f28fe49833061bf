"""The two hashes of HashedNets (Chen et al. 2015): which value a weight takes, and its sign. 32-bit words throughout.

    mix(x):  x ^= x >> 16; x *= 0x85ebca6b; x ^= x >> 13; x *= 0xc2b2ae35; x ^= x >> 16      (mod 2^32)
    x       = mix(seed) + i                                                                  (mod 2^32)
    bucket  = mix(x) * buckets >> 32                    sign = -1 where the top bit of mix(~x) is 1, else +1

i counts the weights of a layer, last index fastest. ``mix`` is a bijection (MurmurHash3's finalizer), so that no two
weights of a layer share a word.

>>> bucket, sign = buckets_and_signs(6, buckets=4, seed=0)
>>> bucket.tolist(), sign.tolist()
([0, 1, 0, 2, 0, 3], [-1, 1, -1, 1, -1, -1])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError

MAX_SEED = (1 << 32) - 1


def mix(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MurmurHash3's finalizer of each word.

    >>> [hex(int(word)) for word in mix(np.array([0, 1, 2], np.uint32))]
    ['0x0', '0x514e28b7', '0x30f4c306']
    """
    x = words.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def buckets_and_signs(count: int, buckets: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """(bucket below ``buckets``, sign -1 or +1) of the weights 0 .. count - 1. Raises RangeError for a count or buckets
    outside 1 .. 2^31 - 1, or a seed outside 0 .. 2^32 - 1."""
    for what, value, low, high in (("weights", count, 1, (1 << 31) - 1), ("buckets", buckets, 1, (1 << 31) - 1),
                                   ("seed", seed, 0, MAX_SEED)):  # fmt: skip
        if not low <= value <= high:
            raise RangeError("hashing", what, got=value, expected=f"{low}..{high}")
    start = mix(np.array([seed], np.uint32))
    x = np.arange(count, dtype=np.uint32) + start
    bucket = (mix(x).astype(np.uint64) * np.uint64(buckets)) >> np.uint64(32)
    return bucket.astype(np.int64), np.where(mix(~x) >> np.uint32(31), -1, 1).astype(np.int8)
