"""AP2: the power of two nearest to a number, which makes a product a shift (BNN's batch norm and AdaMax).

    AP2(x) = sign(x) * 2^round(log2 |x|),    AP2(0) = 0

"Nearest" is meant in the exponent: with |x| = m * 2^e, 1 <= m < 2, the result is 2^e where m < sqrt(2), else 2^(e+1).
That is decided on the mantissa, exactly: sqrt(2) is irrational, so no number lies on the border and no way of rounding
halves matters. A logarithm in floating point can land on the wrong side next to it.

Source: Courbariaux, Hubara et al. 2016 (BNN), sec. 1.3; itayhubara/BinaryNet's Torch code computes
``2^round(log|x| / log 2)``, where 0 becomes 2^-inf = 0.

>>> ap2(np.array([0.0, 1.5, 1.4142, 1.4143, 3.0, 0.3, -5.0])).tolist()
[0.0, 2.0, 1.0, 2.0, 4.0, 0.25, -4.0]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SQRT_HALF = 0.7071067811865476
"""The smallest float64 above sqrt(1/2): a mantissa 0.5 <= m < 1 rounds up in the exponent from here on."""


def ap2(x: Array) -> Array:
    """AP2 of each number, in the type of x (float32 or float64). NaN and infinities stay what they are."""
    mantissa, exponent = np.frexp(np.abs(x))
    up = mantissa.astype(np.float64) >= SQRT_HALF
    with np.errstate(over="ignore"):  # beyond 2^1023.5 the nearest power is infinite
        power = np.ldexp(np.ones_like(mantissa), exponent - np.where(up, 0, 1))
    kept = np.isfinite(x) & (x != 0)
    return np.where(kept, np.copysign(power, x), x).astype(x.dtype)


def shift_product(x: Array, y: Array) -> Array:
    """``x <<>> AP2(y)``: x shifted left or right by the exponent nearest to y, with its sign; exact but for under- and
    overflow.

    >>> shift_product(np.array([3.0]), np.array([-0.3])).tolist()
    [-0.75]
    """
    return np.asarray(x * ap2(y))
