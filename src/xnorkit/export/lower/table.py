"""THE LOWERING TABLE: which operator of an ExportedProgram becomes what. A missing row is one clear error.

Operators that only move elements are in ``views.VIEWS`` instead.
"""

from __future__ import annotations

import torch

from ...nn import fewbit as _fewbit  # noqa: F401  imported for its effect: it registers xnorkit:: operators
from ...nn import functional  # noqa: F401  the others
from . import elementwise, fewbit, layers, spatial
from .context import Rule

_aten = torch.ops.aten
_own = torch.ops.xnorkit

RULES: dict[object, Rule] = {
    _own.bconv2d.default: layers.bconv2d,
    _own.kmap.default: layers.kmap,
    _own.bdense.default: layers.bdense,
    _own.qconv2d.default: layers.qconv2d,
    _own.qdense.default: layers.qdense,
    _own.sign.default: elementwise.sign,
    _own.shift_norm.default: elementwise.shift_norm,
    _own.quantize.default: fewbit.quantize,
    _own.powers.default: fewbit.powers,
    _own.wconv2d.default: fewbit.wconv2d,
    _own.wdense.default: fewbit.wdense,
    _aten.conv2d.default: layers.conv2d,
    _aten.conv2d.padding: layers.conv2d,
    _aten.linear.default: layers.linear,
    _aten.batch_norm.default: elementwise.batch_norm,
    _aten.add.Tensor: elementwise.add,
    _aten.add_.Tensor: elementwise.add,
    _aten.sub.Tensor: elementwise.sub,
    _aten.mul.Tensor: elementwise.mul,
    _aten.div.Tensor: elementwise.div,
    _aten.relu.default: elementwise.activation("relu"),
    _aten.relu_.default: elementwise.activation("relu"),
    _aten.hardtanh.default: elementwise.activation("hardtanh"),
    _aten.hardtanh_.default: elementwise.activation("hardtanh"),
    _aten.clamp.default: elementwise.activation("hardtanh"),
    _aten.tanh.default: elementwise.activation("tanh"),
    _aten.sigmoid.default: elementwise.activation("sigmoid"),
    _aten.prelu.default: elementwise.prelu,
    _aten.cat.default: spatial.cat,
    _aten.max_pool2d.default: spatial.max_pool2d,
    _aten.avg_pool2d.default: spatial.avg_pool2d,
    _aten.adaptive_avg_pool2d.default: spatial.adaptive_avg_pool2d,
    _aten.mean.dim: spatial.mean,
    _aten.dropout.default: elementwise.identity,
    _aten.feature_dropout.default: elementwise.identity,
}
