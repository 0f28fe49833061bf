"""How many times fewer operations a binary convolution takes (Rastegari et al. 2016, section 4.1)."""

from __future__ import annotations

from ..errors import RangeError

WORD = 64
"""Binary multiply-adds of one clock that the paper reckons with."""


def theoretical_speedup(channels: int, window: int, word: int = WORD) -> float:
    """S = w c N_W / (c N_W + w), w the ``word``, c the ``channels`` of the input, N_W the pixels of the ``window``.

    A float convolution takes c N_W N_I operations, N_I the pixels of the input; a binary one c N_W N_I / w, and N_I
    more for the products with K and alpha. N_I cancels. Raises RangeError unless all are at least 1.

    >>> f"{theoretical_speedup(256, 9):.2f}", f"{theoretical_speedup(3, 1):.2f}"
    ('62.27', '2.87')
    """
    for name, value in (("channels", channels), ("window", window), ("word", word)):
        if value < 1:
            raise RangeError("theoretical_speedup", name, got=value, expected="at least 1")
    binary = channels * window
    return word * binary / (binary + word)
