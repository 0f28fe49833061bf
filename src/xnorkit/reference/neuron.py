"""The McCulloch-Pitts neuron (McCulloch and Pitts, 1943) and nets of it: logic by counting.

    y = 1  if no inhibitory input is on and  sum_i x_i >= theta  over the excitatory inputs,   else 0

Inputs and output are 0 or 1, nothing is learned. One neuron answers what one line can part (AND, OR, NOT, NOR); NAND,
XOR and XNOR take two layers, because excitation has weight 1 and no line parts XOR.

>>> pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
>>> {name: GATES[name].run(pairs)[:, 0].tolist() for name in ("and", "nor", "xnor")}
{'and': [0, 0, 0, 1], 'nor': [1, 0, 0, 0], 'xnor': [1, 0, 0, 1]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RangeError, ShapeError
from . import checks

Array = NDArray[Any]
Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Neuron:
    """One neuron: positions of the inputs that excite it and of those that inhibit it; others are not connected.

    One active inhibitory input vetoes (absolute inhibition), whatever excites; threshold 0 fires unless inhibited.

    >>> veto = Neuron(excitatory=(0, 1), inhibitory=(2,), threshold=1)
    >>> veto.fire(np.array([[1, 1, 0], [1, 1, 1]], np.uint8)).tolist()
    [1, 0]
    """

    excitatory: tuple[int, ...]
    inhibitory: tuple[int, ...]
    threshold: int

    def __post_init__(self) -> None:
        inputs = (*self.excitatory, *self.inhibitory)
        if len(set(inputs)) != len(inputs) or any(i < 0 for i in inputs):
            raise RangeError("neuron", "inputs", got=inputs, expected="positions from 0, each once")
        if self.threshold < 0:
            raise RangeError("neuron", "threshold", got=self.threshold, expected="0 or more")

    def fire(self, x: Array) -> Bits:
        """``x (N, n)`` of 0 and 1, uint8 -> ``(N,)``. Raises DTypeError, ShapeError, RangeError."""
        checks.dtype("neuron", "x", x, "uint8")
        checks.rank("neuron", "x", x, "N n")
        needed = max((*self.excitatory, *self.inhibitory), default=0) + 1
        if x.shape[1] < needed:
            raise ShapeError("neuron", "inputs", got=x.shape[1], expected=f"at least {needed}")
        if (x > 1).any():
            raise RangeError("neuron", "x", got=int(x.max()), expected="only 0 and 1")
        excited = x[:, list(self.excitatory)].sum(axis=1, dtype=np.int64) >= self.threshold
        vetoed = x[:, list(self.inhibitory)].any(axis=1)
        return np.asarray(excited & ~vetoed, np.uint8)


@dataclass(frozen=True)
class Net:
    """Layers of neurons, each reading the outputs of the layer before.

    >>> len(GATES["or"].layers), len(GATES["xnor"].layers)
    (1, 2)
    """

    layers: tuple[tuple[Neuron, ...], ...]

    def run(self, x: Array) -> Bits:
        """``x (N, n)`` of 0 and 1 -> ``(N, neurons of the last layer)``. Raises as ``Neuron.fire``."""
        values: Bits = x
        for layer in self.layers:
            values = np.stack([neuron.fire(values) for neuron in layer], axis=1)
        return values


_FIRST, _SECOND = Neuron((0,), (1,), 1), Neuron((1,), (0,), 1)
"""x and not y; y and not x."""
_AND, _OR, _NOR = Neuron((0, 1), (), 2), Neuron((0, 1), (), 1), Neuron((), (0, 1), 0)

GATES: dict[str, Net] = {
    "not": Net(((Neuron((), (0,), 0),),)),
    "and": Net(((_AND,),)),
    "or": Net(((_OR,),)),
    "nor": Net(((_NOR,),)),
    "nand": Net(((_AND,), (Neuron((), (0,), 0),))),
    "xor": Net(((_FIRST, _SECOND), (_OR,))),
    "xnor": Net(((_AND, _NOR), (_OR,))),
}
"""Logic gates of two inputs (``not``: of one), by name."""
