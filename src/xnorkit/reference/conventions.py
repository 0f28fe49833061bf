"""The law in one place: what a sign, a bit and a padded tap mean. Every other room reads it from here.

======================  =====================================================================================
sign                    ``-1 if x < 0 else +1``: sign(0) = sign(-0.0) = sign(NaN) = +1; entry points reject NaN
bit                     1 means -1, 0 means +1; zero-filled tails act as +1 on both sides and cancel
product of two rows     ``dot = n - 2 * popcount(a ^ w)``, n the true length
bit order               least significant bit first: channel c is bit c % 8 of byte c // 8
layout                  NHWC, channels innermost; every pixel's channel row is padded with 0 bits to a byte
weights                 ``(O, kH, kW, C/groups)`` in graphs and files; PyTorch's ``(O, C/groups, kH, kW)`` in torch
padding                 a padded tap contributes ``pad_value``: 0 (PyTorch's meaning), +1 or -1
======================  =====================================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BIT_OF_PLUS_ONE = 0
BIT_OF_MINUS_ONE = 1
PAD_VALUES = (0, 1, -1)


def sign(x: NDArray[Any]) -> NDArray[np.int8]:
    """-1 where x < 0, else +1 (never 0), as int8 of the same shape.

    >>> sign(np.array([-2.0, -0.0, 0.0, float("nan"), 3.0])).tolist()
    [-1, 1, 1, 1, 1]
    """
    return np.where(np.asarray(x) < 0, np.int8(-1), np.int8(1))
