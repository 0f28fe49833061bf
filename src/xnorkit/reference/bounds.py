"""How large an accumulator can get, and therefore which number type holds it exactly.

An accumulator is a sum of n products a*w with |a| <= A and |w| <= W, so it and every partial sum of it, in any order,
lie within n*A*W. A type that holds all integers of that range gives the exact sum whatever the order: int16 up to
32767, int32 up to 2^31 - 1, float32 up to 2^24, float64 up to 2^53.

>>> accumulator_bound(3 * 3 * 256)                                  # binary x binary, 3x3, 256 channels
2304
>>> fits_int16(2304), float32_exact(2304)
(True, True)
>>> accumulator_bound(5 * 5 * 3, activation=255, weight=127)        # uint8 pixels x int8 weights
2428875
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import LimitError, RangeError

INT16_MAX = (1 << 15) - 1
INT32_MAX = (1 << 31) - 1
INT32_MIN = -(1 << 31)
FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53

WEIGHT_MAX_INT8 = 127
"""int8 weights are symmetric: -128 is not used, so that -w always exists."""


def accumulator_bound(products: int, activation: int = 1, weight: int = 1) -> int:
    """Largest |accumulator| of ``products`` products with |a| <= activation and |w| <= weight.

    Raises RangeError for a negative argument.
    """
    for name, value in (("products", products), ("activation", activation), ("weight", weight)):
        if value < 0:
            raise RangeError("bounds", name, got=value, expected="at least 0")
    return products * activation * weight


def fits_int16(bound: int) -> bool:
    """Do all integers within +-bound fit int16?"""
    return bound <= INT16_MAX


def fits_int32(bound: int) -> bool:
    """Do all integers within +-bound fit int32?"""
    return bound <= INT32_MAX


def float32_exact(bound: int) -> bool:
    """Is every sum of integers within +-bound exact in float32, in any order of additions?"""
    return bound <= FLOAT32_EXACT


def require_int32(where: str, bound: int) -> None:
    """Raises LimitError when an accumulator within +-bound might not fit int32."""
    if not fits_int32(bound):
        raise LimitError(where, "largest possible accumulator", got=bound, expected=f"at most {INT32_MAX}",
                         hint="use fewer inputs per output, or groups")  # fmt: skip


def require_float32_exact(where: str, bound: int) -> None:
    """Raises LimitError when float32 training might round an integer accumulator within +-bound."""
    if not float32_exact(bound):
        raise LimitError(where, "largest possible accumulator", got=bound, expected=f"at most {FLOAT32_EXACT}",
                         hint="float32 rounds larger integers; use fewer inputs per output, or groups")  # fmt: skip


def accumulator_dtype(bound: int) -> Literal["int16", "int32"]:
    """The narrowest accumulator type that is exact. Raises LimitError beyond int32.

    >>> accumulator_dtype(32767), accumulator_dtype(32768)
    ('int16', 'int32')
    """
    require_int32("bounds", bound)
    return "int16" if fits_int16(bound) else "int32"


def blas_dtype(where: str, bound: int) -> Literal["float32", "float64"]:
    """The floating type whose matrix product is exact for integers within +-bound. Raises LimitError beyond int32."""
    require_int32(where, bound)
    return "float32" if float32_exact(bound) else "float64"


def accumulator_range(weight: NDArray[Any], low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Exact least and greatest accumulator of every output, for integer weights ``(O, ...)`` and inputs low..high.

    The range includes sums with padded taps, whose input is 0, when ``low <= 0 <= high``; callers that pad with 0
    pass such a range. Returns two int64 arrays ``(O,)``. Raises RangeError when low > high.

    >>> lo, hi = accumulator_range(np.array([[2, -3], [1, 1]], np.int8), 0, 255)
    >>> lo.tolist(), hi.tolist()
    ([-765, 0], [510, 510])
    """
    if low > high:
        raise RangeError("bounds", "input range", got=f"{low}..{high}", expected="low <= high")
    rows = weight.reshape(weight.shape[0], -1).astype(np.int64)
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    return positive * low + negative * high, positive * high + negative * low
