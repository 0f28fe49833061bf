"""Dense layers and convolutions whose weight is made of fewer numbers than it has: hashed, or of vectors.

The weight is made in the packed file's order, (O, H, W, C): kernel places outermost, channels innermost. A dense layer
that reads a flattened picture is told its ``picture`` (C, H, W), so that both orders agree; torch flattens (C, H, W).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import RangeError
from ...reference.codecs.coded import MAX_VALUES, Coded
from ...reference.codecs.table import CODECS
from ...reference.codecs.vector import MAX_STAGES, from_codebook
from ...reference.hashing import buckets_and_signs

Shape = tuple[int, int, int, int]


class Hashed(nn.Module):
    """weight[i] = sign(i) values[bucket(i)], hashes of ``reference.hashing`` (Chen et al. 2015, HashedNets, eq. 3, 7);
    the gradient of a value is the sum over its bucket, signs included (eq. 12)."""

    bucket: Tensor
    sign: Tensor

    def __init__(self, shape: Shape, buckets: int, seed: int) -> None:
        super().__init__()
        count = math.prod(shape)
        if not 1 <= buckets <= count:
            raise RangeError("Hashed", "buckets", got=buckets, expected=f"1..{count}")
        bucket, sign = buckets_and_signs(count, buckets, seed)
        self.shape, self.buckets, self.seed = shape, buckets, seed
        self.values = nn.Parameter(torch.empty(buckets).uniform_(-1, 1) * (3 / (count / shape[0])) ** 0.5)
        self.register_buffer("bucket", torch.from_numpy(bucket).int(), persistent=False)
        self.register_buffer("sign", torch.from_numpy(sign), persistent=False)

    def forward(self) -> Tensor:
        """(O, H, W, C)."""
        return (self.values.index_select(0, self.bucket) * self.sign).view(self.shape)

    def coded(self, shape: tuple[int, ...], weight: Tensor) -> Coded:
        return CODECS["hashed"].encode(weight.numpy().reshape(shape), {"buckets": self.buckets, "seed": self.seed})

    def extra_repr(self) -> str:
        return f"buckets={self.buckets}, seed={self.seed}"


class Vectors(nn.Module):
    """Rows of the weight as sums of vectors, one a stage and segment (Gong et al. 2014): product quantization with one
    stage, residual quantization with several. The vectors are trained, the indices (T, S, O) stay."""

    indices: Tensor

    def __init__(self, shape: Shape, segments: int, values: int, stages: int = 1) -> None:
        super().__init__()
        columns = math.prod(shape[1:])
        if segments < 1 or columns % segments or not 1 <= values <= MAX_VALUES or not 1 <= stages <= MAX_STAGES:
            raise RangeError("Vectors", "segments, values, stages", got=(segments, values, stages),
                             expected=f"a divisor of {columns}, 1..{MAX_VALUES}, 1..{MAX_STAGES}")  # fmt: skip
        self.shape = shape
        self.codebook = nn.Parameter(torch.zeros(stages, segments, values, columns // segments))
        self.register_buffer("indices", torch.zeros(stages, segments, shape[0], dtype=torch.uint8))

    def forward(self) -> Tensor:
        """(O, H, W, C)."""
        _, segments, _, width = self.codebook.shape
        parts = torch.zeros(segments, self.shape[0], width, dtype=self.codebook.dtype, device=self.codebook.device)
        for book, index in zip(self.codebook, self.indices, strict=True):
            parts = parts + book.gather(1, index.long()[:, :, None].expand(-1, -1, width))
        return parts.permute(1, 0, 2).reshape(self.shape)

    def coded(self, shape: tuple[int, ...], weight: Tensor) -> Coded:
        return from_codebook(self.codebook.detach().numpy(), self.indices.numpy(), shape)

    def extra_repr(self) -> str:
        stages, segments, values, _ = self.codebook.shape
        return f"segments={segments}, values={values}, stages={stages}"


class FormedLayer(nn.Module):
    """A layer whose weight a form makes: ``form()`` is (O, H, W, C)."""

    form: Hashed | Vectors

    def _weight(self) -> Tensor:
        """(O, C, H, W)."""
        return self.form().permute(0, 3, 1, 2)

    def coded_weight(self) -> Coded:
        """The weight in the parts of the form's codec, as the packed file holds it."""
        with torch.no_grad():
            weight = self.form().cpu()
        return self.form.coded(self._stored_shape(), weight)

    def _stored_shape(self) -> tuple[int, ...]:
        return self.form.shape


class FormedLinear(FormedLayer):
    """A dense layer of a form. picture: (C, H, W) where it reads one flattened, else None."""

    def __init__(self, in_features: int, out_features: int, form: type[Hashed] | type[Vectors], *, bias: bool = True,
                 picture: tuple[int, int, int] | None = None, **options: Any) -> None:  # fmt: skip
        super().__init__()
        channels, height, width = picture or (in_features, 1, 1)
        if channels * height * width != in_features:
            raise RangeError("FormedLinear", "picture", got=picture, expected=f"of {in_features} numbers")
        self.in_features, self.out_features = in_features, out_features
        self.form = form((out_features, height, width, channels), **options)
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._weight().flatten(1), self.bias)

    def _stored_shape(self) -> tuple[int, ...]:
        return (self.out_features, self.in_features)


class FormedConv2d(FormedLayer):
    """A convolution of a form; ``settings`` as of ``nn.Conv2d``."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: tuple[int, int],
                 form: type[Hashed] | type[Vectors], *, bias: bool = True, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, **options: Any) -> None:  # fmt: skip
        super().__init__()
        self.settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.form = form((out_channels, *kernel_size, in_channels // groups), **options)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self._weight(), self.bias, **self.settings)


def HashedLinear(in_features: int, out_features: int, buckets: int, seed: int = 0, *, bias: bool = True,
                 picture: tuple[int, int, int] | None = None) -> FormedLinear:  # fmt: skip
    """A dense layer of ``buckets`` values (Chen et al. 2015).

    >>> layer = HashedLinear(20, 10, buckets=25)
    >>> sum(p.numel() for p in layer.parameters()), layer(torch.zeros(2, 20)).shape
    (35, torch.Size([2, 10]))
    """
    return FormedLinear(in_features, out_features, Hashed, bias=bias, picture=picture, buckets=buckets, seed=seed)


def HashedConv2d(in_channels: int, out_channels: int, kernel_size: tuple[int, int], buckets: int,
                 seed: int = 0, *, bias: bool = True, **settings: Any) -> FormedConv2d:  # fmt: skip
    """A convolution of ``buckets`` values (Chen et al. 2016, without the transform)."""
    return FormedConv2d(in_channels, out_channels, kernel_size, Hashed, bias=bias, **settings, buckets=buckets,
                        seed=seed)  # fmt: skip
