"""What a student is asked to match of its teacher: soft targets, scores, and where a layer looks.

Each loss is a mean over N pictures; beside it its gradient with respect to what the student computes. float64 by plain
formula. ``student`` and ``teacher`` are scores (N, K), or activations (N, C, H, W) of a layer.

>>> teacher = np.array([[2.0, 0.0]])
>>> float(hinton(teacher, teacher, 4.0)), float(logits(teacher + [[1.0, 2.0]], teacher))
(0.0, 2.5)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
SMALLEST = 1e-12
"""What the length of a map is at least taken for: a map of zeros stays one."""


def softmax(scores: Doubles, temperature: float = 1.0) -> Doubles:
    """exp(s_k / T) / sum_j exp(s_j / T) of each row; the largest is taken off first, which changes nothing.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    shifted = scores / temperature - np.max(scores / temperature, axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float64)


def divergence(p: Doubles, q: Doubles) -> Doubles:
    """KL(p || q) = sum_k p_k log(p_k / q_k) of each row (N,); terms of p_k = 0 are 0."""
    ratio = np.log(np.where(p > 0, p, 1.0)) - np.log(np.where(p > 0, q, 1.0))
    return np.asarray((p * ratio).sum(1), np.float64)


def cross_entropy(scores: Doubles, labels: NDArray[np.int64]) -> float:
    """mean -log softmax(scores)[label]."""
    return float(-np.log(softmax(scores)[np.arange(len(labels)), labels]).mean())


def hinton(student: Doubles, teacher: Doubles, temperature: float) -> float:
    """T^2 mean KL(p || q), p and q the teacher's and student's softmax at temperature T.

    T^2 keeps the size of the gradient while T is changed. Source: Hinton, Vinyals and Dean 2015, sec. 2; they write the
    cross entropy with the soft targets, which differs by the teacher's entropy, a constant.
    """
    return float(temperature**2 * divergence(softmax(teacher, temperature), softmax(student, temperature)).mean())


def hinton_gradient(student: Doubles, teacher: Doubles, temperature: float) -> Doubles:
    """dL/dstudent = T (q - p) / N."""
    return temperature * (softmax(student, temperature) - softmax(teacher, temperature)) / len(student)


def distribution(student: Doubles, teacher: Doubles) -> float:
    """mean KL(p || q) of the two softmaxes, no labels: ReActNet's distributional loss.

    Source: Liu et al. 2020 (ReActNet), eq. 7. Deviates: its code leaves out the teacher's entropy, a constant.
    """
    return float(divergence(softmax(teacher), softmax(student)).mean())


def distribution_gradient(student: Doubles, teacher: Doubles) -> Doubles:
    """dL/dstudent = (q - p) / N."""
    return (softmax(student) - softmax(teacher)) / len(student)


def logits(student: Doubles, teacher: Doubles) -> float:
    """mean 1/2 |student - teacher|^2: regression on the teacher's scores. Source: Ba and Caruana 2014, eq. 1."""
    return float(0.5 * ((student - teacher) ** 2).sum(1).mean())


def logits_gradient(student: Doubles, teacher: Doubles) -> Doubles:
    """dL/dstudent = (student - teacher) / N."""
    return (student - teacher) / len(student)


def attention_map(activations: Doubles) -> Doubles:
    """Where a layer looks: Q = sum_c A_c^2, as a vector (N, H W) of length 1."""
    squares = (activations**2).sum(1).reshape(len(activations), -1)
    length = np.sqrt((squares**2).sum(1, keepdims=True))
    return np.asarray(squares / np.maximum(length, SMALLEST), np.float64)


def attention(student: Doubles, teacher: Doubles) -> float:
    """mean | Q_S/|Q_S| - Q_T/|Q_T| |, for one pair of layers; the loss of a net is the sum over its pairs.

    Source: Martinez et al. 2020 (Real-to-Binary), sec. 4.2, after Zagoruyko and Komodakis 2017, eq. 2. Deviates: larq's
    code divides each map by its largest value and takes the mean of squares.
    """
    gap = attention_map(student) - attention_map(teacher)
    return float(np.sqrt((gap**2).sum(1)).mean())


def attention_gradient(student: Doubles, teacher: Doubles) -> Doubles:
    """dL/dA of `attention`, (N, C, H, W), with d the difference of the maps, n = Q/|Q|, u = d/|d| (0 where d is 0):

    dL/dQ = (u - n (n . u)) / |Q| / N;  dL/dA_c = 2 A_c dL/dQ.
    """
    count = len(student)
    squares = (student**2).sum(1).reshape(count, -1)
    length = np.maximum(np.sqrt((squares**2).sum(1, keepdims=True)), SMALLEST)
    own = squares / length
    gap = own - attention_map(teacher)
    size = np.sqrt((gap**2).sum(1, keepdims=True))
    u = np.divide(gap, size, out=np.zeros_like(gap), where=size > 0)
    by_map = (u - own * (own * u).sum(1, keepdims=True)) / length / count
    return np.asarray(2 * student * by_map.reshape(count, 1, *student.shape[2:]), np.float64)


def mixed(labels: float, soft: float, attentions: float, weight: float, attention_weight: float) -> float:
    """(1 - weight) labels + weight soft + attention_weight attentions: what the student makes small.

    >>> mixed(1.0, 3.0, 0.5, 0.25, 2.0)
    2.5
    """
    return (1 - weight) * labels + weight * soft + attention_weight * attentions
