"""Schedules, optimizers, losses, metrics, batches, batch-norm statistics, random states: each against its formula."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from xnorkit.errors import ShapeError
from xnorkit.reference.metrics import top_k
from xnorkit.train import losses, rng
from xnorkit.train.batch_norm import recalibrate
from xnorkit.train.batches import Pictures, augment, order
from xnorkit.train.data import Split
from xnorkit.train.evaluation import evaluate
from xnorkit.train.metrics import summarize
from xnorkit.train.options import ScheduleOptions, TrainOptions
from xnorkit.train.schedule import SHAPES, factor


def test_schedules_by_hand() -> None:
    step = ScheduleOptions(name="step", milestones=(1, 2), gamma=0.5)
    assert [factor(step, s, 2, 3) for s in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    halved = ScheduleOptions(name="step", every=2, milestones=(3,), gamma=0.5)
    assert [factor(halved, s, 1, 7) for s in range(7)] == [1, 1, 0.5, 0.25, 0.125, 0.125, 0.0625]
    poly = ScheduleOptions(name="poly", power=3, floor=0.1)
    assert [factor(poly, s, 2, 2) for s in range(4)] == pytest.approx([0.1 + 0.9 * (1 - s / 4) ** 3 for s in range(4)])
    cosine = ScheduleOptions(name="cosine", floor=0.1)
    assert factor(cosine, 0, 5, 2) == 1
    assert factor(cosine, 5, 5, 2) == pytest.approx(0.1 + 0.9 * 0.5)
    assert factor(cosine, 9, 5, 2) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi * 0.9)) / 2)
    assert factor(ScheduleOptions(name="constant"), 7, 5, 2) == 1


def test_exponential_multiplies_by_a_root_of_the_end_after_each_epoch() -> None:
    """BinaryConnect: lr *= (lr_end / lr_start)^(1 / epochs), once an epoch."""
    start, end, epochs, rate, found = 3e-3, 2e-6, 4, 3e-3, []
    for _ in range(epochs):
        found += [rate] * 3
        rate *= (end / start) ** (1 / epochs)
    options = ScheduleOptions(name="exponential", floor=end / start)
    assert [start * factor(options, s, 3, epochs) for s in range(12)] == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_warmup_rises_to_one_and_never_starts_at_zero(name: str) -> None:
    options = ScheduleOptions(name=name, warmup=1.5, milestones=(4,), floor=0.1)
    found = [factor(options, s, 4, 5) for s in range(20)]
    assert found[:6] == pytest.approx([(s + 1) / 6 for s in range(6)])
    assert found[6] == 1 and all(a >= b for a, b in itertools.pairwise(found[6:])) and min(found) > 0


def test_losses_by_hand() -> None:
    scores, labels = torch.tensor([[2.0, 0.0, -0.5]]), torch.tensor([1])
    hinge = losses.make(TrainOptions(loss="squared_hinge"))(scores, labels)
    assert hinge.item() == pytest.approx((9 + 1 + 0.25) / 3)
    smooth = losses.make(TrainOptions(label_smoothing=0.3))(scores, labels)
    log = torch.log_softmax(scores, 1)[0]
    assert smooth.item() == pytest.approx(-(0.7 * log[1] + 0.1 * log.sum()).item(), rel=1e-6)


def test_evaluation_counts() -> None:
    scores = np.array([[3, 2, 1, 0, -1, -2], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]], np.float32)
    found = summarize(scores, np.array([0, 5, 5]))
    assert found.predictions.tolist() == [0, 0, 5] and found.top1 == pytest.approx(2 / 3)
    assert found.top5 == pytest.approx(2 / 3)  # six equal scores: class 5 ranks last
    assert found.confusion[5].tolist() == [1, 0, 0, 0, 0, 1] and found.confusion.sum() == 3
    assert top_k(scores, np.array([1, 4, 0]), 5) == pytest.approx(2 / 3)
    with pytest.raises(ShapeError):
        summarize(scores, np.array([0, 6, 0]))


def test_evaluate_does_not_depend_on_the_batch_and_reads_0_to_255() -> None:
    data = Split(np.random.default_rng(0).integers(0, 256, (23, 4, 4, 1), np.uint8),
                 np.arange(23) % 3, ("a", "b", "c"), "noise", "test")  # fmt: skip
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    whole, parts = evaluate(model, data, 23), evaluate(model, data, 5, loss=nn.functional.cross_entropy)
    assert np.allclose(whole.scores, parts.scores, rtol=1e-5, atol=1e-4) and whole.top1 == parts.top1
    flat = torch.from_numpy(data.images.reshape(23, 16)).float()
    assert np.allclose(whole.scores, (flat @ model[1].weight.T + model[1].bias).detach().numpy(), rtol=1e-5, atol=1e-4)
    assert parts.loss == pytest.approx(
        nn.functional.cross_entropy(torch.from_numpy(parts.scores), torch.from_numpy(data.labels)).item()
    )


def test_order_is_a_permutation_of_seed_and_epoch() -> None:
    assert sorted(order(50, 1, 2)) == list(range(50))
    assert np.array_equal(order(50, 1, 2), order(50, 1, 2))
    assert not np.array_equal(order(50, 1, 2), order(50, 1, 3)) and not np.array_equal(order(50, 1, 2), order(50, 2, 2))


def test_augmentation_shifts_over_black_and_mirrors() -> None:
    images = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3).repeat(400, 1, 1, 1)
    moved = augment(images, slice(None), 400, (0, 0, 0), shift=1, flip=False)
    allowed = set()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            window = np.zeros((5, 5), np.uint8)
            window[1:4, 1:4] = np.arange(1, 10).reshape(3, 3)
            allowed.add(window[1 + dy : 4 + dy, 1 + dx : 4 + dx].tobytes())
    assert {picture.numpy().tobytes() for picture in moved} == allowed
    mirrored = augment(images, slice(None), 400, (0, 0, 0), shift=0, flip=True)
    share = (mirrored[:, 0, 0, 0] == 3).float().mean().item()
    assert torch.equal(mirrored[mirrored[:, 0, 0, 0] == 3][0, 0], images[0, 0].flip(1)) and 0.4 < share < 0.6


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_shows_the_mean_colour_in_one_square(side: int) -> None:
    images = (255 * (torch.arange(2 * 9 * 7) % 2)).to(torch.uint8).view(1, 2, 9, 7).repeat(300, 1, 1, 1)
    cut = augment(images, slice(None), 300, (0, 0, 0), shift=0, flip=False, cutout=side)
    assert cut.dtype == torch.uint8
    sizes = set()
    for before, after in zip(images, cut, strict=True):
        changed = (before != after).any(0).nonzero()
        low, high = changed.amin(0), changed.amax(0)
        square = after[:, low[0] : high[0] + 1, low[1] : high[1] + 1]
        assert (square == before.float().mean((1, 2), keepdim=True).round()).all()
        sizes.add(tuple((high - low + 1).tolist()))
    assert max(sizes) == (side, side) and len(sizes) >= min(side, 2)


def test_augmentation_of_a_share_is_the_share_of_the_augmentation() -> None:
    images = torch.randint(0, 256, (8, 3, 5, 5), dtype=torch.uint8)
    options = {"shift": 2, "flip": True, "cutout": 2}
    whole = augment(images, slice(None), 8, (4, 2, 1), **options)
    for rank in (0, 1):
        mine = slice(rank, None, 2)
        assert torch.equal(augment(images[mine], mine, 8, (4, 2, 1), **options), whole[mine])
    assert not torch.equal(augment(images, slice(None), 8, (4, 2, 2), **options), whole)


def test_recalibrated_statistics_are_the_plain_average() -> None:
    data = Pictures(torch.randint(0, 256, (40, 2, 3, 3), dtype=torch.uint8), torch.zeros(40, dtype=torch.int64))
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5))
    model[0].running_mean.fill_(99)
    before = torch.get_rng_state()
    recalibrate(model, data, 40, 10)
    assert torch.allclose(model[0].running_mean, data.images.float().mean((0, 2, 3)), rtol=1e-5)
    assert model[0].momentum == 0.1 and not model.training and torch.equal(before, torch.get_rng_state())


def test_random_states_come_back() -> None:
    rng.seed_all(5)
    state = rng.take(torch.device("cpu"))
    drawn = (random.random(), np.random.rand(), torch.rand(1).item())  # noqa: NPY002
    rng.put(state, torch.device("cpu"))
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())  # noqa: NPY002
