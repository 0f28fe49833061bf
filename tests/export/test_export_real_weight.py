"""A net of a first stage (signs x real weights) still packs: its convolutions stay float32, its answers the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from xnorkit.export import export, verify
from xnorkit.models import create_model


@pytest.mark.parametrize("scheme", ["xnor[weight=real]", "reactnet[weight=real]"])
def test_real_weights_on_signs_pack_as_float_layers(tmp_path: Path, scheme: str) -> None:
    torch.manual_seed(0)
    model = create_model("vgg_small", scheme, stages=[[8], [8, 8]], input_size=8).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    path = tmp_path / "net.xnor.safetensors"
    report = export(model, torch.zeros(1, 1, 8, 8), path, input_dtype="u8")
    ops = [node.op for node in report.graph.nodes]
    assert "bconv2d" not in ops and ops.count("conv2d") == 2
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1)).astype(np.uint8)
    found = verify(model, path, images)
    assert found.ok, found
