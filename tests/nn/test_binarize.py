"""binarize: which layers change, why, and that the result keeps names and weights, trains and exports."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorkit.errors import RangeError, UnsupportedError
from xnorkit.export import export, verify
from xnorkit.nn import SCHEMES, BinaryConv2d, BinaryLinear, Int8Conv2d, Int8Linear, Pixels, Xnor, binarize


class Residual(nn.Module):
    """A user's own module: shared ReLU, a skip connection, forward order unlike definition order."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 5)
        self.pixels = Pixels([0.5], [0.25])
        self.relu = nn.ReLU()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.side = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        x = self.relu(self.stem(self.pixels(x)))
        x = self.relu(self.norm(self.conv(x)) + self.side(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Branched(nn.Module):
    """A user's own CNN: two binary branches that meet in a sum, one layer to keep, a dense end."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm0, self.relu0 = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.left, self.norm1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.right, self.norm2 = nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8)
        self.relu, self.pool, self.keep = nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1)
        self.norm3, self.relu3, self.dense = nn.BatchNorm2d(8), nn.ReLU(), nn.Linear(128, 12)
        self.norm4, self.relu4, self.head = nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3)

    def forward(self, x):
        x = self.relu0(self.norm0(self.stem(x)))
        x = self.relu(self.norm1(self.left(x)) + self.norm2(self.right(x)))
        x = self.relu3(self.norm3(self.keep(self.pool(x))))
        return self.head(self.relu4(self.norm4(self.dense(x.flatten(1)))))


SIGNED = "Int8Conv2d Identity BinaryConv2d BinaryConv2d Conv2d Identity BinaryLinear Identity Int8Linear"
INTEGERS = "FewBitConv2d FewBitConv2d FewBitConv2d Conv2d FewBitLinear FewBitLinear"
FLOAT_ENDS = "Conv2d FewBitConv2d FewBitConv2d Conv2d FewBitLinear Linear"
TOOK = {
    **dict.fromkeys(SCHEMES, SIGNED), "binaryconnect": INTEGERS, "qnn": INTEGERS,
    **dict.fromkeys(("bwn", "dorefa", "twn", "ttq"), FLOAT_ENDS),
    "bnn-shift": "FewBitConv2d Identity BinaryConv2d BinaryConv2d Conv2d Identity BinaryLinear Identity BinaryLinear",
    "adabin": "Int8Conv2d Identity FewBitConv2d FewBitConv2d Conv2d Identity FewBitLinear Identity Int8Linear",
}  # fmt: skip
"""Scheme -> what stands in the places its report names, in the order they run."""
LEFT = {
    "bnn-shift": ["batch norm by shifts"], "dorefa": ["nonlinearity relu"], "qnn": ["nonlinearity relu"],
    "bwn": ["nonlinearity relu"], "twn": ["nonlinearity relu"], "ttq": ["nonlinearity relu"],
    "binaryconnect": ["nonlinearity relu"], "bi-real": ["shortcut"],
    "reactnet": ["nonlinearity rprelu", "shortcut"], "real-to-binary": ["nonlinearity prelu", "shortcut"],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "fp32"])
def test_a_net_with_branches_under_every_scheme(name, tmp_path):
    """The report layer by layer, forward, gradients, and the packed file."""
    torch.manual_seed(0)
    model = Branched()
    result, x = binarize(model, name, skip=("keep",)), pixels(16, 1, 8, 8)
    report = result.binarization
    assert [d.after for d in report.decisions] == TOOK[name].split()
    assert report.of("keep").why == "skipped by name"
    assert [d.name for d in report.decisions if d.after != "Identity"] == [
        "stem",
        "left",
        "right",
        "keep",
        "dense",
        "head",
    ]
    for line, asked in zip(report.left, LEFT.get(name, []), strict=True):
        assert asked in line and line in str(report)
    assert {*model.state_dict()} <= {*result.state_dict()}
    scores = result(x)
    assert scores.std(0).max() > 0.05, "pictures are told apart"
    F.cross_entropy(scores, torch.arange(16) % 3).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in result.parameters())
    path = tmp_path / "net.xnor.safetensors"
    assert ("gate" in report.of("left").why) == (name == "real-to-binary")
    written = export(result.eval(), x[:1], path, input_dtype="u8")
    rows = [row for row in written.layers if row.weights and row.name.partition("_")[0] in ("left", "right", "dense")]
    assert len(rows) == 3 and {row.packed for row in rows} == {name not in ("ttq", "adabin")}
    verify(result, path, x.permute(0, 2, 3, 1).numpy().astype(np.uint8)).require()


def test_ends_of_a_users_choice_under_any_scheme():
    for name in ("bnn", "dorefa", "reactnet", "qnn"):
        for first, stem in (("int8", "Int8Conv2d"), ("planes", "FewBitConv2d"), ("float", "Conv2d")):
            for last in ("int8", "binary", "float"):
                result = binarize(Branched(), name, first=first, last=last)
                hidden = type(result.dense).__name__
                assert type(result.stem).__name__ == stem
                assert type(result.head).__name__ == {"int8": "Int8Linear", "binary": hidden, "float": "Linear"}[last]
                assert result(pixels(2, 1, 8, 8)).isfinite().all()


def plain():
    block1 = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    block2 = (nn.Conv2d(8, 8, 3, groups=2, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
    head = (nn.Flatten(), nn.Dropout(0.1), nn.Linear(8, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Linear(16, 4))
    return nn.Sequential(*block1, *block2, *head)


def pixels(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).float()


def types(model, *names):
    return [type(model.get_submodule(n)) for n in names]


def test_plain_network_becomes_int8_binary_int8():
    model = plain()
    result = binarize(model)
    assert types(result, "0", "4", "9", "12") == [Int8Conv2d, BinaryConv2d, BinaryLinear, Int8Linear]
    assert types(model, "0", "4", "9", "12") == [nn.Conv2d, nn.Conv2d, nn.Linear, nn.Linear], "original changed"
    assert types(result, "2", "6", "10") == [nn.Identity, nn.Identity, nn.ReLU], "a batch norm recentres the last ReLU"
    assert (result[4].groups, result[4].stride, result[9].weight_quantizer) == (2, (2, 2), Xnor())
    assert list(result.state_dict()) == list(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(result.state_dict()[name], value)
    assert [d.after for d in result.binarization.decisions] == [
        "Int8Conv2d", "Identity", "BinaryConv2d", "Identity", "BinaryLinear", "Int8Linear"]  # fmt: skip


def test_the_result_trains_and_gives_every_parameter_a_gradient():
    torch.manual_seed(0)
    result, x = binarize(plain()), pixels(16, 3, 10, 10)
    labels = torch.arange(16) % 4
    optimizer = torch.optim.Adam(result.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = F.cross_entropy(result(x), labels)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in result.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_execution_order_decides_first_and_last():
    result = binarize(Residual())
    assert types(result, "stem", "conv", "side", "head") == [Int8Conv2d, BinaryConv2d, BinaryConv2d, Int8Linear]
    assert types(result, "pixels", "relu") == [nn.Identity, nn.Identity]
    assert "raw pixels" in result.binarization.of("pixels").why
    assert result(pixels(2, 1, 8, 8)).shape == (2, 5)
    with pytest.raises(KeyError):
        result.binarization.of("norm")


def test_float_ends_and_skips_keep_layers_and_their_relu():
    result = binarize(plain(), scheme="bnn", first="float", last="float", skip=("9",))
    assert types(result, "0", "4", "9", "12") == [nn.Conv2d, BinaryConv2d, nn.Linear, nn.Linear]
    assert types(result, "2", "6", "10") == [nn.Identity, nn.ReLU, nn.ReLU]
    assert result[4].weight_quantizer.name == "sign"
    whys = {d.name: d.why for d in result.binarization.decisions}
    assert whys["9"] == "skipped by name" and whys["0"] == "first layer, kept float"


def test_layers_without_a_binary_counterpart_stay_float_with_a_reason():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, padding="same"),
                          nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), nn.Conv2d(4, 2, 3))  # fmt: skip
    report = binarize(model, last="float").binarization
    assert "not the image" in report.of("1").why
    assert "'same'" in report.of("2").why and "reflect" in report.of("3").why
    assert {d.after for d in report.decisions} == {"Conv2d"}


def test_exported_result_equals_it():
    result = binarize(Residual()).eval()
    program = torch.export.export(result, (pixels(2, 1, 8, 8),))
    assert torch.equal(program.module()(pixels(2, 1, 8, 8)), result(pixels(2, 1, 8, 8)))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, x):
        return self.c(self.b(F.max_pool2d(F.relu(self.a(x)), 2))).flatten(1)


class Branching(Functional):
    def forward(self, x):
        return self.b(self.a(x)) if x.sum() > 0 else self.a(x)


def test_what_cannot_be_done_is_refused_with_a_way_out():
    with pytest.raises(UnsupportedError, match=r"functional relu feeds b(.|\n)*nn\.ReLU"):
        binarize(Functional())
    report = binarize(Functional(), skip=("b",)).binarization
    assert report.of("b").after == "Conv2d" and "not signs" in report.of("c").why
    with pytest.raises(UnsupportedError, match="cannot be traced"):
        binarize(Branching())
    with pytest.raises(UnsupportedError, match=r"no nn\.Conv2d"):
        binarize(nn.Sequential(nn.ReLU()))
    for options in ({"scheme": "fp32"}, {"skip": ("nothing",)}, {"first": "binary"}, {"last": "int4"}):
        with pytest.raises(RangeError):
            binarize(plain(), **options)


def test_binarizing_twice_changes_nothing_more():
    once = binarize(plain(), skip=("9",))
    twice = binarize(once, first="float", last="float")
    assert types(twice, "0", "4", "9", "12") == types(once, "0", "4", "9", "12")
