"""k-means of numbers on a line, exact in its assignments: clusters of sorted numbers are runs.

>>> kmeans_1d(np.array([0.0, 0.1, 5.0, 5.2]), linear(np.array([0.0, 5.2]), 2)).round(2).tolist()
[0.05, 5.1]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
STEPS = 300


def linear(values: Numbers, count: int) -> Numbers:
    """First centroids evenly over [least, largest]: best for large weights, which are few and matter most."""
    return np.linspace(values.min(), values.max(), count)


def density(values: Numbers, count: int) -> Numbers:
    """First centroids at evenly spaced shares of the sorted numbers."""
    return np.quantile(values, (np.arange(count) + 0.5) / count)


def random(values: Numbers, count: int, seed: int = 0) -> Numbers:
    """First centroids drawn from the numbers (Forgy)."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(np.unique(values), min(count, len(np.unique(values))), replace=False))


INITIAL = {"linear": linear, "density": density, "random": random}
"""Ways to choose the first centroids (Han et al. 2016, sec. 3.2)."""


def kmeans_1d(values: Numbers, centroids: Numbers, steps: int = STEPS) -> Numbers:
    """Centroids, rising, after Lloyd's steps until none moves; those without numbers are dropped.

    values (n,), in any order; centroids: the first ones. A number goes to its nearest centroid, of two at the same
    distance to the larger.
    """
    ordered = np.sort(values.astype(np.float64))
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    found = np.unique(centroids.astype(np.float64))
    for _ in range(steps):
        ends = np.concatenate([[0], np.searchsorted(ordered, (found[1:] + found[:-1]) / 2), [len(ordered)]])
        counts = np.diff(ends)
        used = counts > 0
        moved = np.diff(sums[ends])[used] / counts[used]
        if len(moved) == len(found) and np.array_equal(moved, found):
            break
        found = np.unique(moved)
    return found


def nearest(values: Numbers, centroids: Numbers) -> NDArray[np.int64]:
    """Index of the nearest of the rising centroids, as ``kmeans_1d`` assigns."""
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values, side="right")
