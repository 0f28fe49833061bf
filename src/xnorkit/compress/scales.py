"""Numbers beside the weights, one a channel: scales of binary layers, and what batch norms leave of themselves.

Of a small binary net they are most of what is not one bit: 500 outputs have 2,000 bytes of scales and 4,000 of a
batch norm, beside 50,000 of 400,000 weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UnsupportedError
from ..nn.edits import edit_layer
from ..nn.layers.affine import ChannelAffine
from ..nn.layers.state import QuantizedModule, quantized_modules


@torch.no_grad()
def float_norms(model: nn.Module, example: Tensor) -> list[str]:
    """Paths of the batch norms whose numbers a packed file holds: those that no quantizer reads at once, for a sign
    behind a norm is one threshold a channel. example: one input (1, C, H, W).

    >>> from xnorkit.nn import BinaryLinear
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), BinaryLinear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    >>> float_norms(net, torch.zeros(1, 4))
    ['3']
    """
    norms = {module: path for path, module in model.named_modules() if isinstance(module, _BatchNorm)}
    made: dict[int, nn.Module] = {}
    kept_alive, signed = [], set()

    def note(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        kept_alive.append(out)  # so that no other tensor gets its place in memory
        made[out.data_ptr()] = module

    def look(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if (norm := made.get(args[0].data_ptr())) is not None:
            signed.add(norm)

    hooks = [norm.register_forward_hook(note) for norm in norms]
    hooks += [layer.register_forward_pre_hook(look) for layer in quantized_modules(model)
              if layer.activation_quantizer is not None]  # fmt: skip
    model.eval()(example)
    for hook in hooks:
        hook.remove()
    return [path for norm, path in norms.items() if norm not in signed]


def fix_norm(model: nn.Module, path: str) -> ChannelAffine:
    """Put what the batch norm computes in evaluation in its place, as an edit of the net."""
    norm = model.get_submodule(path)
    assert isinstance(norm, _BatchNorm)
    made = edit_layer(model, path, "affine")
    assert isinstance(made, ChannelAffine)
    return made.take(norm)


def scaled_layers(model: nn.Module) -> dict[str, QuantizedModule]:
    """Path -> layer of one-bit weights whose scales differ."""
    return {path: layer for path, layer in model.named_modules() if isinstance(layer, QuantizedModule)
            and layer.weight_quantizer is not None and layer.weight_quantizer.width == 1
            and len(layer.quantized_weight()[1].unique()) > 1}  # fmt: skip


@torch.no_grad()
def set_scales(layer: QuantizedModule, path: str, scales: Tensor) -> None:
    """Give a one-bit layer these scales (O,), rounded to 8 bits: its latent weights become sign times scale.

    The mean of n equal magnitudes of 8 bits is that magnitude, exactly, for n up to 2^16: the scales of XNOR-Net's
    kind take just these values. Raises UnsupportedError for a quantizer whose scales are something else.
    """
    values, _ = layer.quantized_weight()
    few = scales.to(torch.bfloat16).to(values.dtype)
    layer.weight.copy_(values * few.view(-1, *[1] * (values.ndim - 1)))
    again, found = layer.quantized_weight()
    if not torch.equal(found, few) or not torch.equal(again, values):
        raise UnsupportedError("share.scales", f"scales of {path} ({layer.weight_quantizer})",
                               got="no mean magnitude of a filter", expected="xnor, bi-real or bwn weights",
                               hint="leave scales= out")  # fmt: skip
