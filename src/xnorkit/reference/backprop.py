"""Backpropagation in four equations (Rumelhart, Hinton and Williams, 1986; numbered as in Nielsen, 2015, ch. 2).

Layer l has weights W^l ``(n_l, n_(l-1))`` and biases b^l ``(n_l,)``; z^l = W^l a^(l-1) + b^l, a^l = sigma(z^l), and the
error of a layer is delta^l = dC/dz^l. With * elementwise:

    BP1   delta^L   = dC/da^L * sigma'(z^L)                            output_error
    BP2   delta^l   = (W^(l+1))^T delta^(l+1) * sigma'(z^l)            hidden_error
    BP3   dC/db^l   = delta^l                                          bias_gradient
    BP4   dC/dW^l   = delta^l (a^(l-1))^T                              weight_gradient

The functions take one example (vectors) or a batch, one example a row: then a product of matrices does all examples at
once, and BP3 and BP4 give the mean of the examples' gradients. Shapes that do not meet raise ShapeError; nothing is
broadcast. ``error_by_products`` is the same without elementwise products, sigma' as a diagonal matrix: a layer's error
is a chain of matrices W^T Sigma', which is why it shrinks or grows with depth by the factor |W^T Sigma'| at each layer
(vanishing and exploding gradients, Nielsen ch. 5).

>>> z, a_before, y = np.array([0.0]), np.array([1.0, 2.0]), np.array([1.0])
>>> sigmoid = ACTIVATIONS["sigmoid"]
>>> delta = output_error(sigmoid.function(z) - y, sigmoid.derivative(z))                   # (0.5 - 1) * 0.25
>>> delta.tolist(), weight_gradient(delta, a_before).tolist()
([-0.125], [[-0.125, -0.25]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from . import checks

Array = NDArray[Any]


@dataclass(frozen=True)
class Activation:
    """sigma and sigma', both of z, in the precision of z. steepest: the largest |sigma'|."""

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]
    steepest: float


def _sigmoid(z: Array) -> Array:
    # 1 / (1 + e^-z) = e^z / (1 + e^z): of the two the one whose power does not overflow
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, small) / (1.0 + small))


def _sigmoid_slope(z: Array) -> Array:
    small = np.exp(-np.abs(z))  # even in z
    return np.asarray(small / (1.0 + small) ** 2)


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(_sigmoid, _sigmoid_slope, 0.25),
    "tanh": Activation(np.tanh, lambda z: np.asarray(1.0 - np.tanh(z) ** 2), 1.0),
    "relu": Activation(lambda z: np.maximum(z, 0.0), lambda z: np.asarray(z > 0, z.dtype), 1.0),
    "identity": Activation(lambda z: z, np.ones_like, 1.0),
}
"""sigma by name; relu'(0) = 0."""


def output_error(gradient: Array, slope: Array) -> Array:
    """BP1: delta^L = dC/da^L * sigma'(z^L); both ``(n_L,)`` or ``(N, n_L)``."""
    checks.shape("output_error", "sigma'(z)", slope, gradient.shape)
    return gradient * slope


def hidden_error(weights_after: Array, delta_after: Array, slope: Array) -> Array:
    """BP2: delta^l = (W^(l+1))^T delta^(l+1) * sigma'(z^l).

    weights_after: ``(n_(l+1), n_l)``; delta_after: ``(n_(l+1),)`` or ``(N, n_(l+1))``; slope: sigma'(z^l), ``(n_l,)``
    or ``(N, n_l)``. As rows, (W^T delta)^T = delta^T W.
    """
    _require_layer("hidden_error", weights_after, delta_after)
    checks.shape("hidden_error", "sigma'(z)", slope, (*delta_after.shape[:-1], weights_after.shape[1]))
    return np.asarray((delta_after @ weights_after) * slope)


def bias_gradient(delta: Array) -> Array:
    """BP3: dC/db^l = delta^l ``(n_l,)``; of a batch ``(N, n_l)`` the mean over its rows."""
    _require_examples("bias_gradient", delta)
    return delta if delta.ndim == 1 else np.asarray(delta.mean(axis=0))


def weight_gradient(delta: Array, before: Array) -> Array:
    """BP4: dC/dW^l_jk = delta^l_j a^(l-1)_k, ``(n_l, n_(l-1))``; of a batch the mean, delta^T a / N.

    delta: ``(n_l,)`` or ``(N, n_l)``; before: a^(l-1), ``(n_(l-1),)`` or ``(N, n_(l-1))``.
    """
    _require_examples("weight_gradient", delta)
    checks.shape("weight_gradient", "a", before, (*delta.shape[:-1], *before.shape[-1:]))
    return np.outer(delta, before) if delta.ndim == 1 else np.asarray(delta.T @ before / len(delta))


def error_by_products(weights: Sequence[Array], slopes: Sequence[Array], gradient: Array) -> list[Array]:
    """Every layer's error of one example, as products of matrices alone, first layer first.

        delta^l = Sigma'(z^l) (W^(l+1))^T ... Sigma'(z^(L-1)) (W^L)^T Sigma'(z^L) dC/da^L,   Sigma'(z) = diag(sigma'(z))

    weights: W^1 ... W^L; slopes: sigma'(z^1) ... sigma'(z^L), vectors; gradient: dC/da^L ``(n_L,)``.

    >>> w = [np.array([[2.0]]), np.array([[3.0]])]
    >>> [d.tolist() for d in error_by_products(w, [np.array([0.25]), np.array([0.5])], np.array([1.0]))]
    [[0.375], [0.5]]
    """
    errors = [np.diag(slopes[-1]) @ gradient]
    for weight, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
        errors.append(np.diag(slope) @ weight.T @ errors[-1])
    return errors[::-1]


def _require_examples(where: str, delta: Array) -> None:
    """Refuse what is neither one example nor a batch of at least one."""
    checks.array(where, "delta", delta)
    if delta.ndim not in (1, 2) or len(delta) == 0:
        raise ShapeError(where, "delta", got=delta.shape, expected="(n,) or (N, n), N at least 1")


def _require_layer(where: str, weights_after: Array, delta_after: Array) -> None:
    checks.rank(where, "weights", weights_after, "n_(l+1) n_l")
    _require_examples(where, delta_after)
    if delta_after.shape[-1] != len(weights_after):
        raise ShapeError(where, "delta", got=delta_after.shape, expected=f"(..., {len(weights_after)})")
