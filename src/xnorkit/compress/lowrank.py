"""Matrices and kernels as products of smaller ones: factors, ranks, and what each rank leaves of the weight.

Denton et al. 2014 (SVD of dense layers); Jaderberg et al. 2014 (columns, then rows); Kim et al. 2016 (Tucker-2);
Lebedev et al. 2015 (CP). Kernels are (O, C, kH, kW).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import MissingDependencyError

Factors = tuple[Tensor, ...]


def rank_by_energy(singular: Tensor, energy: float) -> int:
    """The least rank whose squared singular values hold that share of all.

    >>> rank_by_energy(torch.tensor([3.0, 4.0, 0.1]).sort(descending=True).values, 0.9)
    2
    """
    squares = singular.double() ** 2
    if float(squares.sum()) == 0:
        return 1
    return int((squares.cumsum(0) < energy * squares.sum() - 1e-12).sum()) + 1


def svd(weight: Tensor, rank: int) -> Factors:
    """(A (rank, in), B (out, rank)) with W ~ B A, the root of each singular value in both: the best of that rank."""
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    root = s[:rank].sqrt()
    return (root[:, None] * v[:rank]).float(), (u[:, :rank] * root).float()


def separable(weight: Tensor, rank: int) -> Factors:
    """(columns (R, C, kH, 1), rows (O, R, 1, kW)): the best rank-R product of the kernel as (O kW) x (C kH)."""
    out, channels, height, width = weight.shape
    a, b = svd(weight.permute(0, 3, 1, 2).reshape(out * width, channels * height), rank)
    return a.view(rank, channels, height, 1), b.view(out, width, rank).permute(0, 2, 1)[:, :, None].contiguous()


def tucker(weight: Tensor, low: int, high: int, steps: int = 10) -> Factors:
    """(in (low, C, 1, 1), core (high, low, kH, kW), out (O, high, 1, 1)): Tucker-2 by alternating best subspaces."""
    kernel = weight.double()
    outs = _subspace(kernel, 0, high)
    for _ in range(steps):
        ins = _subspace(torch.einsum("ochw,or->rchw", kernel, outs), 1, low)
        outs = _subspace(torch.einsum("ochw,cr->orhw", kernel, ins), 0, high)
    core = torch.einsum("ochw,op,cq->pqhw", kernel, outs, ins)
    return ins.T[:, :, None, None].float().contiguous(), core.float(), outs[:, :, None, None].float().contiguous()


def cp(weight: Tensor, rank: int, seed: int = 0) -> Factors:
    """(in (R, C, 1, 1), columns (R, 1, kH, 1), rows (R, 1, 1, kW), out (O, R, 1, 1)): CP by alternating
    least squares."""
    try:
        from tensorly.decomposition import parafac
    except ImportError as error:
        raise MissingDependencyError("compress", "tensorly is needed for CP factors",
                                     hint='pip install "xnorkit[compress]"') from error  # fmt: skip
    kernel = weight.double().numpy()
    size = np.abs(kernel).max() or 1.0
    _, (o, c, h, w) = parafac(kernel / size, rank, init="svd" if rank <= min(kernel.shape[:2]) else "random",
                              random_state=seed, n_iter_max=200, normalize_factors=False)  # fmt: skip
    o, c, h, w = (torch.from_numpy(np.ascontiguousarray(f)).float() for f in (o * size, c, h, w))
    factors = (c.T[:, :, None, None], h.T[:, None, :, None], w.T[:, None, None], o[:, :, None, None])
    return tuple(factor.contiguous() for factor in factors)


def unfolding(weight: Tensor, axis: int) -> Tensor:
    """The kernel as a matrix whose rows run over one axis."""
    return weight.movedim(axis, 0).reshape(weight.shape[axis], -1)


def _subspace(kernel: Tensor, axis: int, rank: int) -> Tensor:
    """Orthonormal columns (n, rank) that hold most of the kernel along an axis."""
    u, _, _ = torch.linalg.svd(unfolding(kernel, axis), full_matrices=False)
    return u[:, :rank]
