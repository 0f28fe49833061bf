"""``rehearse``: would this network come out packed and equal? Known before the first hour of training."""

from __future__ import annotations

import copy
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import RangeError, ShapeError
from ..nn.layers.shift_norm import ShiftBatchNorm1d, ShiftBatchNorm2d
from ..nn.layers.state import QuantizedModule
from .exporter import ExportReport, export
from .lower.run import InputDType
from .parity import VerifyReport, to_torch, verify

ZERO_SHARE = 0.1
"""Share of gammas and of latent weights that become exactly 0."""
SPREAD = 0.2
"""Standard deviation of what is added to learned numbers and biases."""
SAME = 0.01
"""A channel spreads by this part of its size at least. One that is the same in all pictures has rounding errors for a
spread; a batch norm would blow them up to the size of numbers, and no sign of them means anything."""
NORMS = (_BatchNorm, ShiftBatchNorm1d, ShiftBatchNorm2d)


@dataclass(frozen=True)
class Rehearsal:
    """export, verify: the reports of the packed file of made-up numbers; export_seconds: wall time of the export."""

    export: ExportReport
    verify: VerifyReport
    export_seconds: float

    @property
    def ok(self) -> bool:
        """Whether the file would equal the trained model."""
        return self.verify.ok

    @property
    def integers(self) -> tuple[int, int]:
        """(compared, different) sums, signs and codes that no float stands before."""
        rows = [row for row in self.verify.layers if row.kind != "floats" and row.binding]
        return sum(row.compared for row in rows), sum(row.different for row in rows)


def rehearse(model: nn.Module, images: NDArray[Any], *, seed: int = 0, input_dtype: InputDType = "auto") -> Rehearsal:
    """Export and verify a copy of ``model`` whose numbers are what a training may leave behind.

    The copy's batch norms have gammas of both signs and zeros, and statistics of ``images``; latent weights of binary
    and few-bit layers hold zeros; biases, slopes, learned thresholds and scales are off their first values.

    images: ``(N, H, W, C)`` as the packed file will take them, uint8 or float32, or ``(N, C)``; at least 2.
    Raises UnsupportedError where a part cannot be packed, ShapeError, RangeError.

    >>> import numpy as np, xnorkit as xk
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), dtype=np.uint8)
    >>> report = xk.rehearse(xk.create_model("lenet5", "xnor"), images)
    >>> report.ok, report.integers[1]
    (True, 0)
    """
    if len(images) < 2:
        raise ShapeError("rehearse", "number of pictures", got=len(images), expected="at least 2",
                         hint="batch norms need statistics")  # fmt: skip
    ready = made_up_(copy.deepcopy(model), images, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.xnor.safetensors"
        begun = time.perf_counter()
        report = export(ready, to_torch(images[:1]), path, input_dtype=input_dtype)
        seconds = time.perf_counter() - begun
        return Rehearsal(report, verify(ready, path, images), seconds)


def made_up_(model: nn.Module, images: NDArray[Any], seed: int = 0) -> nn.Module:
    """The model itself, its numbers changed as `rehearse` says, in eval mode. The same seed gives the same numbers."""
    if seed < 0:
        raise RangeError("rehearse", "seed", got=seed, expected="0 or more")
    rng = np.random.default_rng(seed)

    def normal(like: torch.Tensor, spread: float) -> torch.Tensor:
        return torch.from_numpy(rng.normal(0, spread, tuple(like.shape))).to(like)

    with torch.no_grad():
        model.eval()(to_torch(images[:2]))  # lazy modules get their parameters
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, NORMS) and name == "weight":
                    parameter.copy_(normal(parameter, 1.0))
                    parameter[torch.from_numpy(rng.random(len(parameter)) < ZERO_SHARE)] = 0.0
                elif isinstance(module, QuantizedModule) and name == "weight":
                    parameter[torch.from_numpy(rng.random(tuple(parameter.shape)) < ZERO_SHARE)] = 0.0
                elif parameter.ndim < 2 or name != "weight":
                    parameter.add_(normal(parameter, SPREAD))
        norms = [module for module in model.modules() if isinstance(module, NORMS)]
        kept = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0  # the statistics of these pictures alone
        torch.manual_seed(seed)  # dropout and stochastic signs
        model.train()(to_torch(images))
        for norm, momentum in zip(norms, kept, strict=True):
            norm.momentum = momentum
            mean, variance = getattr(norm, "running_mean", None), getattr(norm, "running_var", None)
            if isinstance(mean, torch.Tensor) and isinstance(variance, torch.Tensor):
                variance.copy_(torch.maximum(variance, SAME**2 * (mean**2 + variance)))
    return model.eval()
