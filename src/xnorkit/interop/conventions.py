"""How other tools write binary layers: every choice that a pile of arrays leaves open, as a field with a name.

>>> CONVENTIONS["finn"].signs(np.array([[0, 1]]), (1, 2)).tolist()      # a bit 1 is +1
[[-1, 1]]
>>> CONVENTIONS["xnorkit"].signs(np.array([0b10], np.uint8), (1, 2)).tolist()
[[1, -1]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RangeError, ShapeError
from ..reference.conventions import PAD_VALUES, sign
from ..reference.thresholds import NEVER_BELOW

Array = NDArray[Any]
OUR_CONV, OUR_DENSE = "OHWI", "OI"


@dataclass(frozen=True)
class Convention:
    """One way to write down binary layers.

    conv_axes: axes of a convolution's weights, a permutation of OHWI (out, height, width, in).
    dense_axes: ``OI`` or ``IO``.
    flat_order: order in which a picture ``(H, W, C)`` was flattened before a dense layer: ``HWC`` or ``CHW``.
    weights: ``real``, numbers of which the sign counts, 0 being +1; ``bits``, 0 and 1; ``packed``, flat uint8 bytes.
    one: what a bit 1 stands for, in ``bits`` and ``packed``.
    bit_order: which bit of a packed byte comes first, ``little`` the least significant.
    counts: what thresholds are compared with: the ``sum`` of +-1 products, or the number of ``matches`` (popcount of
        XNOR); with n products, sum = 2 matches - n.
    plus_when: the comparison ``count ? threshold`` that gives +1.
    pad_value: what a padded tap contributes: 0, +1 or -1.

    Raises RangeError for any other value.
    """

    conv_axes: str = OUR_CONV
    dense_axes: str = OUR_DENSE
    flat_order: Literal["HWC", "CHW"] = "HWC"
    weights: Literal["real", "bits", "packed"] = "real"
    one: int = -1
    bit_order: Literal["little", "big"] = "little"
    counts: Literal["sum", "matches"] = "sum"
    plus_when: Literal[">=", ">", "<=", "<"] = ">="
    pad_value: int = 0

    def __post_init__(self) -> None:
        allowed = {
            "flat_order": ("HWC", "CHW"), "weights": ("real", "bits", "packed"), "one": (-1, 1),
            "bit_order": ("little", "big"), "counts": ("sum", "matches"), "plus_when": (">=", ">", "<=", "<"),
            "pad_value": PAD_VALUES,
        }  # fmt: skip
        for field, values in allowed.items():
            if getattr(self, field) not in values:
                raise RangeError("Convention", field, got=repr(getattr(self, field)), expected=f"one of {values}")
        for field, axes in (("conv_axes", OUR_CONV), ("dense_axes", OUR_DENSE)):
            if sorted(getattr(self, field)) != sorted(axes):
                raise RangeError("Convention", field, got=repr(getattr(self, field)), expected=f"an order of {axes}")

    def signs(self, array: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int8]:
        """Weights as int8 -1/+1 of ``shape``, axes as they are. Raises ShapeError; RangeError for NaN, other bits."""
        given = np.asarray(array)
        count = int(np.prod(shape))
        if self.weights == "packed":
            if given.dtype != np.uint8 or given.size != -(-count // 8):
                raise ShapeError("weights", "packed bytes", got=f"{given.dtype}[{given.size}]",
                                 expected=f"uint8[{-(-count // 8)}] for {shape}")  # fmt: skip
            given = np.unpackbits(given.ravel(), count=count, bitorder=self.bit_order).reshape(shape)
        if given.shape != shape:
            raise ShapeError("weights", "shape", got=given.shape, expected=shape)
        if self.weights == "real":
            if np.isnan(given).any():
                raise RangeError("weights", "values", got="NaN", expected="numbers")
            return sign(given.astype(np.float64))
        if not np.isin(given, (0, 1)).all():
            raise RangeError("weights", "bits", got="other values", expected="0 and 1")
        return np.where(given == 1, np.int8(self.one), np.int8(-self.one))

    def conv_weight(self, array: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int8]:
        """Convolution weights as int8 -1/+1 ``(O, kH, kW, C/groups)``; ``shape`` is that of the array's own axes."""
        return np.transpose(self.signs(array, shape), [self.conv_axes.index(axis) for axis in OUR_CONV])

    def dense_weight(self, array: ArrayLike, shape: tuple[int, int], picture: tuple[int, int, int]) -> NDArray[np.int8]:
        """Dense weights as int8 -1/+1 ``(O, H*W*C)`` with channels innermost, for a flattened ``picture`` (H, W, C)."""
        w = np.transpose(self.signs(array, shape), [self.dense_axes.index(axis) for axis in OUR_DENSE])
        h, width, c = picture
        if w.shape[1] != h * width * c:
            raise ShapeError("weights", "input features", got=w.shape[1], expected=h * width * c)
        if self.flat_order == "CHW":
            w = w.reshape(-1, c, h, width).transpose(0, 2, 3, 1).reshape(len(w), -1)
        return w

    def threshold(self, values: ArrayLike, products: int, reversed_channels: ArrayLike | None = None
                  ) -> tuple[NDArray[np.int32], NDArray[np.int8]]:  # fmt: skip
        """(threshold, flip) of ``reference.thresholds`` for thresholds ``(C,)`` of layers with ``products`` products.

        reversed_channels: bool ``(C,)``, where the comparison is the opposite one (a batch norm with negative gamma).
        Thresholds may be real; infinite ones make constant channels. Raises RangeError for NaN, ShapeError.

        >>> Convention(counts="matches").threshold([5], 8)      # at least 5 of 8 match: a sum of at least 2
        (array([2], dtype=int32), array([1], dtype=int8))
        """
        t = np.asarray(values, np.float64)
        turned = np.zeros(t.shape, bool) if reversed_channels is None else np.asarray(reversed_channels, bool)
        if t.ndim != 1 or turned.shape != t.shape:
            raise ShapeError("threshold", "thresholds, reversed channels", got=(t.shape, turned.shape),
                             expected="two vectors of one length")  # fmt: skip
        if np.isnan(t).any():
            raise RangeError("threshold", "values", got="NaN", expected="numbers")
        falling, strict = turned ^ (self.plus_when in ("<", "<=")), self.plus_when in (">", "<")
        above = falling ^ strict  # the edge is the first integer beyond t, not the first at t
        # Whole counts first: doubling a real threshold would round.
        edge = np.clip(np.where(above, np.floor(t) + 1, np.ceil(t)), -products, products + 1)
        if self.counts == "matches":
            edge = 2 * edge - products
        always = edge <= -products
        flip = np.where(falling, np.int8(-1), np.int8(1))
        return np.where(always, NEVER_BELOW, edge).astype(np.int32), flip


CONVENTIONS = {
    "xnorkit": Convention(weights="packed"),
    "pytorch": Convention(conv_axes="OIHW", flat_order="CHW"),
    "larq": Convention(conv_axes="HWIO", dense_axes="IO"),
    "finn": Convention(conv_axes="OIHW", flat_order="CHW", weights="bits", one=1, counts="matches"),
}
"""Where known tools stand. ``larq``: latent weights of Keras layers. ``finn``: bits and popcount thresholds."""
