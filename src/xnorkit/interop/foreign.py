"""Build a packed net from arrays that another tool trained, without PyTorch.

>>> rng = np.random.default_rng(0)
>>> b = ForeignBuilder(CONVENTIONS["larq"])                           # Keras arrays: HWIO, IO, signs of latent weights
>>> x = b.image("image", (8, 8, 1), "signed")                         # the net saw x / 127.5 - 1
>>> x = b.sign(b.float_conv(x, rng.normal(size=(3, 3, 1, 4)), padding="same"))
>>> x = b.conv(x, rng.normal(size=(3, 3, 4, 16)), padding="same")
>>> x = b.sign(b.max_pool(x, 2), BatchNorm(mean=rng.normal(size=16), variance=np.ones(16), eps=1e-3))
>>> graph = b.graph([b.norm(b.dense(x, rng.normal(size=(256, 3))), BatchNorm(mean=np.zeros(3), variance=np.ones(3)))])
>>> [node.op for node in graph.nodes if node.op in ("bconv2d", "threshold", "bdense")]
['bconv2d', 'threshold', 'bdense']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RangeError, ShapeError
from ..graph.build import GraphBuilder
from ..graph.ir import Graph
from ..graph.passes.pipeline import run_passes
from .conventions import CONVENTIONS as CONVENTIONS
from .conventions import OUR_CONV, OUR_DENSE, Array, Convention

Padding = str | int | tuple[int, int] | tuple[int, int, int, int]

ENCODINGS = {"pixels": (1.0, 0.0), "unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0)}
"""What a net saw of a pixel 0..255: pixel * scale + shift."""


@dataclass(frozen=True)
class BatchNorm:
    """``y = gamma * (x - mean) / sqrt(variance + eps) + beta``; vectors of one length, gamma 1 and beta 0 if None."""

    mean: ArrayLike
    variance: ArrayLike
    gamma: ArrayLike | None = None
    beta: ArrayLike | None = None
    eps: float = 1e-5

    def affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(scale, bias) in float32, formed in float64. Raises ShapeError, RangeError (a variance below -eps, NaN)."""
        mean, variance = (np.asarray(v, np.float64) for v in (self.mean, self.variance))
        gamma = np.ones_like(mean) if self.gamma is None else np.asarray(self.gamma, np.float64)
        beta = np.zeros_like(mean) if self.beta is None else np.asarray(self.beta, np.float64)
        if len({v.shape for v in (mean, variance, gamma, beta)}) > 1 or mean.ndim != 1:
            raise ShapeError("BatchNorm", "vectors", got=[v.shape for v in (mean, variance, gamma, beta)],
                             expected="one length")  # fmt: skip
        if not (variance + self.eps > 0).all():
            raise RangeError("BatchNorm", "variance + eps", got=float((variance + self.eps).min()), expected="above 0")
        scale = gamma / np.sqrt(variance + self.eps)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


class ForeignBuilder:
    """Adds layers in order; each method takes and returns names of values, ``graph`` closes the net.

    convention: how the arrays are to be read. Every mistake is reported at the call that makes it (ShapeError,
    RangeError, GraphError).
    """

    def __init__(self, convention: Convention) -> None:
        self.convention = convention
        self._builder = GraphBuilder()
        self._products: dict[str, int] = {}
        self._cut: set[str] = set()
        # layers whose borders have fewer products

    def image(self, name: str, shape: tuple[int, int, int], encoding: str | tuple[float, float] = "pixels") -> str:
        """uint8 pixels ``(H, W, C)`` as the floats the net saw: a row of ENCODINGS, or (scale, shift)."""
        if isinstance(encoding, str) and encoding not in ENCODINGS:
            raise RangeError("image", "encoding", got=encoding, expected=f"one of {list(ENCODINGS)}, (scale, shift)")
        scale, shift = ENCODINGS[encoding] if isinstance(encoding, str) else encoding
        pixels = self._builder.input(name, "u8", shape)
        return self._affine(pixels, np.full(shape[2], scale), np.full(shape[2], shift))

    def conv(self, x: str, weight: ArrayLike, *, padding: Padding = "valid", stride: int | tuple[int, int] = 1,
             dilation: int | tuple[int, int] = 1, groups: int = 1,
             shape: tuple[int, ...] | None = None) -> str:  # fmt: skip
        """Binary convolution of signs; the integer sums. shape: of packed weights, in the convention's axes."""
        read = self.convention
        w = read.conv_weight(weight, self._shape(weight, shape, 4))
        geometry = self._geometry(x, w, padding, stride, dilation)
        name = self._builder.add("bconv2d", x, tensors={"weight": w}, groups=groups, pad_value=read.pad_value,
                                 out_channels=len(w), **geometry)  # fmt: skip
        self._products[name] = int(w[0].size)
        if read.pad_value == 0 and any(geometry["padding"]):
            self._cut.add(name)
        return name

    def dense(self, x: str, weight: ArrayLike, *, shape: tuple[int, int] | None = None) -> str:
        """Binary matrix product of signs; a picture is flattened first, in the convention's order."""
        picture = self._builder.type(x).shape
        rows, columns = self._shape(weight, shape, 2)
        w = self.convention.dense_weight(weight, (rows, columns), picture)
        name = self._builder.add("bdense", self._flat(x), tensors={"weight": w}, out_features=len(w))
        self._products[name] = int(w.shape[1])
        return name

    def float_conv(self, x: str, weight: ArrayLike, bias: ArrayLike | None = None, *, padding: Padding = "valid",
                   stride: int | tuple[int, int] = 1, dilation: int | tuple[int, int] = 1,
                   groups: int = 1) -> str:  # fmt: skip
        """float32 convolution, padded with zeros."""
        axes = [self.convention.conv_axes.index(axis) for axis in OUR_CONV]
        w = np.transpose(_real("float_conv", weight, 4), axes)
        return self._builder.add("conv2d", x, tensors=_with_bias(w, bias), groups=groups, out_channels=len(w),
                                 **self._geometry(x, w, padding, stride, dilation))  # fmt: skip

    def float_dense(self, x: str, weight: ArrayLike, bias: ArrayLike | None = None) -> str:
        """float32 matrix product; a picture is flattened first, in the convention's order."""
        h, width, c = self._builder.type(x).shape
        w = np.transpose(_real("float_dense", weight, 2), [self.convention.dense_axes.index(a) for a in OUR_DENSE])
        if self.convention.flat_order == "CHW" and w.shape[1] == h * width * c:
            w = w.reshape(-1, c, h, width).transpose(0, 2, 3, 1).reshape(len(w), -1)
        return self._builder.add("dense", self._flat(x), tensors=_with_bias(w, bias), out_features=len(w))

    def norm(self, x: str, norm: BatchNorm) -> str:
        """Batch norm in evaluation, as floats."""
        return self._affine(x, *norm.affine())

    def sign(self, x: str, norm: BatchNorm | None = None) -> str:
        """-1/+1 of a value, behind a batch norm if one is given; sign(0) = +1. Sums become integer thresholds."""
        if norm is None and self._builder.type(x).dtype == "i32":
            ones = np.ones(self._builder.type(x).shape[2])
            return self._builder.add("sign", self._affine(x, ones, 0 * ones))
        return self._builder.add("sign", x if norm is None else self.norm(x, norm))

    def threshold(self, x: str, thresholds: ArrayLike, reversed_channels: ArrayLike | None = None) -> str:
        """-1/+1 of a layer's integer sums by the convention's comparison; see ``Convention.threshold``."""
        if x not in self._products:
            raise RangeError("threshold", "input", got=x, expected="what conv or dense returned",
                             hint="put pools behind the threshold")  # fmt: skip
        if self.convention.counts == "matches" and x in self._cut:
            raise RangeError("threshold", "counts of matches", got="a convolution padded with 0",
                             expected="padding by +1 or -1, or none", hint="a 0 matches nothing")  # fmt: skip
        t, flip = self.convention.threshold(thresholds, self._products[x], reversed_channels)
        return self._builder.add("threshold", x, tensors={"threshold": t, "flip": flip})

    def max_pool(self, x: str, kernel: int | tuple[int, int], *, stride: int | tuple[int, int] | None = None,
                 padding: Padding = "valid") -> str:  # fmt: skip
        """Maximum over windows; the stride is the kernel's if none is given."""
        sides, steps = _pair(kernel), _pair(kernel if stride is None else stride)
        margins = _margins(self._builder.type(x).shape[:2], sides, steps, padding)
        return self._builder.add("max_pool2d", x, kernel=sides, stride=steps, padding=margins)

    def graph(self, outputs: Iterable[str], meta: Mapping[str, str] | None = None) -> Graph:
        """The verified graph: batch norms and signs of integer sums have become integer thresholds."""
        return run_passes(self._builder.graph(outputs, meta))

    def _affine(self, x: str, scale: Array, bias: Array) -> str:
        tensors = {"scale": np.asarray(scale, np.float32), "bias": np.asarray(bias, np.float32)}
        return self._builder.add("affine", x, tensors=tensors)

    def _flat(self, x: str) -> str:
        return x if self._builder.type(x).shape[:2] == (1, 1) else self._builder.add("flatten", x)

    def _shape(self, weight: ArrayLike, shape: tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
        if shape is None and self.convention.weights == "packed":
            raise ShapeError("weights", "shape of packed weights", got=None, expected=f"{rank} numbers")
        found = tuple(np.shape(weight)) if shape is None else tuple(shape)
        if len(found) != rank:
            raise ShapeError("weights", "axes", got=found, expected=f"{rank} axes")
        return found

    def _geometry(self, x: str, w: Array, padding: Padding, stride: int | tuple[int, int],
                  dilation: int | tuple[int, int]) -> dict[str, Any]:  # fmt: skip
        kernel, steps, gaps = (int(w.shape[1]), int(w.shape[2])), _pair(stride), _pair(dilation)
        spans = (gaps[0] * (kernel[0] - 1) + 1, gaps[1] * (kernel[1] - 1) + 1)
        margins = _margins(self._builder.type(x).shape[:2], spans, steps, padding)
        return {"kernel": kernel, "stride": steps, "dilation": gaps, "padding": margins}


def _margins(size: tuple[int, ...], spans: tuple[int, int], steps: tuple[int, int], padding: Padding
             ) -> tuple[int, int, int, int]:  # fmt: skip
    """(top, left, bottom, right). ``same`` is TensorFlow's: ceil(size / step) outputs, the odd pixel at the end.

    >>> _margins((5, 6), (3, 3), (2, 2), "same")
    (1, 0, 1, 1)
    """
    if padding == "same":
        total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, spans, steps, strict=True)]
        return total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2
    if padding == "valid":
        return 0, 0, 0, 0
    if isinstance(padding, str):
        raise RangeError("padding", "name", got=padding, expected="same, valid, or numbers")
    if isinstance(padding, tuple) and len(padding) == 4:
        return padding
    height, width = _pair(padding)
    return height, width, height, width


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _real(where: str, array: ArrayLike, rank: int) -> NDArray[np.float32]:
    found = np.asarray(array, np.float32)
    if found.ndim != rank:
        raise ShapeError(where, "weight", got=found.shape, expected=f"{rank} axes")
    return found


def _with_bias(w: Array, bias: ArrayLike | None) -> dict[str, Array]:
    weight = {"weight": np.ascontiguousarray(w)}
    return weight if bias is None else {**weight, "bias": np.asarray(bias, np.float32)}
