"""What one bit does: filters before and after, XNOR-Net's K over a picture, the bits of a packed row."""

from __future__ import annotations

import numpy as np

from ..errors import RangeError, ShapeError
from ..reference import bits
from ..reference.conventions import sign
from .canvas import COLOURS, Array, Axes, Picture, Rectangle, numbers, panels, same_length


def binarized_filters(weights: Array, scales: Array, *, title: str = "") -> Picture:
    """Filters ``(O, kH, kW)`` above, alpha sign(W) below, on one scale; scales: alpha of each filter, ``(O,)``.

    Orange is negative, blue positive, the colour bar names the values. Raises ShapeError, RangeError.
    """
    before, alpha = numbers("weights", weights, "O kH kW"), numbers("scales", scales, "O")
    same_length("scales", alpha, len(before))
    after = sign(before) * alpha[:, None, None]
    figure, axes = panels(2, len(before), width=1.25, height=1.5, title=title)
    reach = float(np.abs(np.stack([before, after])).max()) or 1.0
    for i, axis in enumerate(axes):
        row, filter_ = divmod(i, len(before))
        shown = axis.imshow(
            (before, after)[row][filter_], cmap="PuOr", vmin=-reach, vmax=reach, interpolation="nearest"
        )
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"alpha {alpha[filter_]:.3g}" if row else f"filter {filter_}", fontsize=8)
    axes[0].set_ylabel("W")
    axes[len(before)].set_ylabel("alpha sign(W)")
    figure.colorbar(shown, ax=axes, shrink=0.8)
    return figure


def kmap_over(picture: Array, factors: Array, *, title: str = "") -> Picture:
    """A picture ``(H, W)`` or ``(H, W, 3)``, the K of it ``(h, w)``, and K laid over the picture.

    K's pixels are spread over the picture's, as many as a stride took together. Raises ShapeError, RangeError.
    """
    shown = numbers("picture", picture, "H W 3" if np.ndim(picture) == 3 else "H W")
    if shown.ndim == 3 and shown.shape[2] != 3:
        raise ShapeError("draw", "picture", got=shown.shape, expected="(H, W) or (H, W, 3)")
    k = numbers("K", factors, "h w")
    if k.min() < 0:
        raise RangeError("draw", "K", got=k.min(), expected="0 or more: means of absolute values")
    span = float(np.ptp(shown)) or 1.0
    plain = (shown - shown.min()) / span
    height, width = plain.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    figure, (left, middle, right) = panels(1, 3, width=2.9, height=2.7, title=title)
    for axis, name in ((left, "picture"), (middle, "K"), (right, "K over the picture")):
        axis.set(title=name, xticks=[], yticks=[], xlabel=f"{k.shape[1]} x {k.shape[0]}" if axis is middle else "")
    for axis in (left, right):
        axis.imshow(plain, cmap="gray", vmin=0, vmax=1, extent=extent)
    drawn = middle.imshow(k, cmap="viridis", interpolation="nearest", extent=extent)
    right.imshow(k, cmap="viridis", interpolation="nearest", extent=extent, alpha=0.55)
    left.set_xlabel(f"{width} x {height}")
    figure.colorbar(drawn, ax=[middle, right], shrink=0.8, label="K, mean of |x|")
    return figure


def packed_row(signs: Array, *, title: str = "") -> Picture:
    """A row of -1/+1, int8 ``(n,)``, above the bytes it is packed to: bit 1 means -1, least significant bit first.

    Bits of the tail, past n, are hatched: they are 0 on both sides of a product and cancel. Each byte has its value
    below. Raises ShapeError (more than 64 signs too), DTypeError, RangeError.
    """
    if np.ndim(signs) != 1 or not 0 < np.size(signs) <= 64:
        raise ShapeError("draw", "signs", got=np.shape(signs), expected="(n,), 1 to 64")
    packed = bits.pack(np.asarray(signs))
    flags = np.unpackbits(packed, bitorder="little")
    figure, (axes,) = panels(width=max(4.5, 0.34 * len(flags) + 0.9), height=2.1, title=title)
    for i, flag in enumerate(flags):
        tail = i >= len(signs)
        if not tail:
            _cell(axes, i, 1.25, f"{signs[i]:+d}", COLOURS[0] if signs[i] > 0 else COLOURS[1], 0.25)
        _cell(axes, i, 0, str(flag), COLOURS[1] if flag else "white", 0.25, hatch="////" if tail else "")
    for i, byte in enumerate(packed):
        axes.text(8 * i + 4, -0.45, f"byte {i}: 0x{byte:02x}", ha="center", va="center", fontsize=9)
        axes.plot([8 * i, 8 * i, 8 * i + 8, 8 * i + 8], [-0.1, -0.2, -0.2, -0.1], color="black", linewidth=0.8)
    axes.set(
        xlim=(-0.1, len(flags) + 0.1), ylim=(-0.75, 2.35), xticks=[], yticks=[0.5, 1.75], yticklabels=["bit", "value"]
    )
    axes.spines[:].set_visible(False)
    axes.set_xlabel("channel 0 on the left; least significant bit first; bit 1 means -1")
    return figure


def _cell(axes: Axes, left: int, bottom: float, text: str, colour: str, alpha: float, hatch: str = "") -> None:
    box = Rectangle((left, bottom), 1, 1, facecolor=(colour, alpha), edgecolor="black", linewidth=0.6, hatch=hatch)
    axes.add_patch(box)
    axes.text(left + 0.5, bottom + 0.5, text, ha="center", va="center", fontsize=8)
