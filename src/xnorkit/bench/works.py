"""THE TABLE OF WORKS: what is timed, by name, the same for every system.

A layer has as many outputs as inputs, batch 1 unless its name begins with another one, and zero padding of half its
kernel: ``conv3x3_256x14`` is a 3x3 convolution, 256 channels on 14x14 pixels.

>>> WORKS["conv3x3_256x14"].multiply_adds
115605504
>>> WORKS["dense_64x4096x4096"].batch
64
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .nets import CLASSES, NETS, Net

WorkKind = Literal["conv", "dense", "net"]


@dataclass(frozen=True)
class Work:
    """One thing to time.

    size: pixels of a side of the square input, 1 for dense; channels, out_channels: of the input and the output.
    multiply_adds: of the whole batch. kind "net": ``net`` names it in ``nets.NETS``; kernel and stride have no meaning.
    """

    name: str
    kind: WorkKind
    size: int
    channels: int
    out_channels: int
    kernel: int
    stride: int
    batch: int
    multiply_adds: int
    net: str = ""

    @property
    def is_large(self) -> bool:
        """A layer of at least 100 M multiply-adds: what two threads should halve."""
        return self.kind != "net" and self.multiply_adds >= 100_000_000

    @property
    def padding(self) -> int:
        """Zero pixels on each side."""
        return self.kernel // 2

    @property
    def window(self) -> dict[str, Any]:
        """Attributes of its convolution in a graph."""
        return {"kernel": (self.kernel,) * 2, "stride": (self.stride,) * 2, "padding": (self.padding,) * 4}

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        """(N, Ho, Wo, O)."""
        return (self.batch, self.out_size, self.out_size, self.out_channels)

    @property
    def out_size(self) -> int:
        """Pixels of a side of the output."""
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1


def conv(kernel: int, channels: int, size: int, *, stride: int = 1, batch: int = 1) -> Work:
    """A square convolution with as many outputs as inputs.

    >>> conv(3, 8, 5, stride=2).out_size
    3
    """
    out = (size + 2 * (kernel // 2) - kernel) // stride + 1
    name = f"conv{kernel}x{kernel}_{channels}x{size}" + (f"_s{stride}" if stride > 1 else "")
    name += f"_b{batch}" if batch > 1 else ""
    macs = batch * out * out * channels * channels * kernel * kernel
    return Work(name, "conv", size, channels, channels, kernel, stride, batch, macs)


def dense(batch: int, channels: int, out_channels: int) -> Work:
    """A matrix product of ``batch`` rows.

    >>> dense(1, 64, 32).name
    'dense_1x64x32'
    """
    name = f"dense_{batch}x{channels}x{out_channels}"
    return Work(name, "dense", 1, channels, out_channels, 1, 1, batch, batch * channels * out_channels)


LAYERS = (
    conv(3, 64, 56),
    conv(3, 128, 28),
    conv(3, 256, 14),
    conv(3, 512, 7),
    conv(1, 256, 14),
    dense(1, 4096, 4096),
    dense(1, 9216, 4096),
    dense(64, 4096, 4096),
)


def whole(net: Net, size: int | None = None) -> Work:
    """A net on one picture of ``size``, the net's own unless told; multiply-adds are the binary form's.

    >>> whole(NETS["net_alexnet_xnor_224"]).out_channels
    1000
    """
    size = size or net.size
    return Work(net.name, "net", size, 3, CLASSES, 1, 1, 1, net.multiply_adds("binary", size), net.name)


WORKS: dict[str, Work] = {work.name: work for work in (*LAYERS, *(whole(net) for net in NETS.values()))}
"""Every work by name."""
