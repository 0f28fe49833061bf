"""What every builder refuses alike: widths that leave too few channels, unknown stems, pictures the strides do not fit.

>>> check_sizes("net", width=1.0, narrowest=64, stem="cifar", halved={"imagenet": 32, "cifar": 8}, input_size=32)
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import RangeError, ShapeError

FEWEST_CHANNELS = 8


def check_sizes(name: str, *, width: float, narrowest: int, stem: str, halved: Mapping[str, int],
                input_size: int) -> None:  # fmt: skip
    """Refuse what a net of stages cannot be built of.

    width, narrowest: the factor of all channel counts and the smallest of them, of which at least 8 must stay.
    halved: stem -> the number that must divide ``input_size``, so that every halving is even.
    Raises RangeError for width and stem, ShapeError for the size.
    """
    if narrowest * width < FEWEST_CHANNELS:
        raise RangeError(name, "width", got=width, expected=f"at least {FEWEST_CHANNELS / narrowest}")
    if stem not in halved:
        raise RangeError(name, "stem", got=stem, expected=f"one of {tuple(halved)}")
    factor = halved[stem]
    if input_size < factor or input_size % factor:
        raise ShapeError(name, "input_size", got=input_size, expected=f"a multiple of {factor}")
