"""What a backend is: arrays in, arrays out, for whole batches.

In both directions values are ``(N, H, W, C)``: uint8, int32 or float32; ``bits`` are int8 -1/+1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .profile import Profile

Array = NDArray[Any]

NUMPY: dict[str, type[np.generic]] = {"u8": np.uint8, "i32": np.int32, "f32": np.float32, "bits": np.int8}
"""Element type of a value -> NumPy type of the array a session takes or returns."""


class Backend(Protocol):
    """A graph made ready to run. Callable from several threads at once."""

    def run(
        self, inputs: Mapping[str, Array], batch: int, threads: int, profile: bool
    ) -> tuple[Sequence[Array], Profile | None]:
        """Values of the marked outputs, in order. ``inputs``: checked, C-contiguous, ``batch`` images each."""
        ...
