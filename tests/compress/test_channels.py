"""Dead units and whole filters: narrower layers, the same answers, and a config that rebuilds them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from xnorkit.compress.resize import resized
from xnorkit.compress.stages.filters import Filters
from xnorkit.compress.stages.shrink import Shrink, take_dead
from xnorkit.compress.stages.table import parse_stages
from xnorkit.errors import RecipeError
from xnorkit.models import create_model


class Alone:
    """What stages need where nothing is trained."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.shape = shape

    def pictures(self, count: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        return torch.rand(count, *self.shape, generator=generator) * 255, torch.zeros(count, dtype=torch.long)

    def train_on(self, *_: object, **__: object) -> None: ...


@torch.no_grad()
def deaden(model: nn.Module, layer: str, reader: str, each: int = 1) -> None:
    """Units 0 and 1 without inputs (their value is a constant), unit 3 unread."""
    first, second = model.get_submodule(layer), model.get_submodule(reader)
    first.weight[:2] = 0
    second.weight[:, 3 * each : 4 * each] = 0


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("lenet_300_100", [("fc1", "fc2", 1), ("fc2", "fc3", 1)]),
     ("lenet5", [("conv1", "conv2", 1), ("conv2", "fc1", 16), ("fc1", "fc2", 1)])],
)  # fmt: skip
def test_dead_units_go_and_the_answers_stay(name: str, pairs: list[tuple[str, str, int]]) -> None:
    torch.manual_seed(0)
    model = create_model(name, method="fp32").eval()
    for layer, reader, each in pairs:
        deaden(model, layer, reader, each)
    x = torch.rand(8, 1, 28, 28) * 255
    expected = model(x)
    before = {path: len(module.weight) for path, module in model.named_modules() if hasattr(module, "weight")}
    Shrink().apply(model, Alone((1, 28, 28)))  # type: ignore[arg-type]
    for layer, _, _ in pairs:
        assert len(model.get_submodule(layer).weight) == before[layer] - 3
    assert torch.allclose(model(x), expected, atol=1e-4)
    again = create_model(**model.config)  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(x), model(x))


def test_units_that_a_sum_or_the_scores_hold_stay() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.c(self.a(x.flatten(1)) + self.b(x.flatten(1)))

    model = Sum()
    with torch.no_grad():
        model.a.weight[0] = 0
        model.c.weight[0] = 0
    assert take_dead(model.eval(), torch.rand(2, 1, 2, 2)) == 0


def test_padded_convolutions_keep_units_of_constant_value() -> None:
    """Behind zero padding a constant is none at the rim."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1), nn.Flatten(), nn.Linear(72, 2))
    with torch.no_grad():
        model[0].weight[1] = 0
    assert take_dead(model.eval(), torch.rand(2, 1, 8, 8)) == 0
    with torch.no_grad():
        model[2].weight[:, 1] = 0
    assert take_dead(model.eval(), torch.rand(2, 1, 8, 8)) == 1


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "vgg11"])
def test_filters_take_a_share_of_every_layer_that_can_give(name: str) -> None:
    torch.manual_seed(0)
    small = {"resnet18": {"width": 0.25, "input_size": 32}, "vgg11": {"width": 0.125, "input_size": 32}}.get(name, {})
    model = create_model(name, method="fp32", **small).eval()
    size = model.config["input_size"]  # type: ignore[index]
    before = sum(p.numel() for p in model.parameters())
    Filters(share=0.5, epochs=0).apply(model, Alone((1, size, size)))  # type: ignore[arg-type]
    after = sum(p.numel() for p in model.parameters())
    assert after < 0.35 * before and model(torch.rand(1, 1, size, size)).shape == (1, 10)
    again = create_model(**model.config)  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())


def test_nothing_taken_out_leaves_no_edit() -> None:
    model = create_model("lenet5", method="fp32").eval()
    with resized(model, torch.zeros(1, 1, 28, 28)):
        pass
    assert "edits" not in model.config  # type: ignore[operator]


@pytest.mark.parametrize("text", ["filters", "filters:1", "shrink:0.5", "shrink:epochs=2"])
def test_options_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_stages(text)
