"""Race binary layers against PyTorch fp32 and against scalar POPCNT, one thread, one picture.

    python bench/conv.py [--rounds 31] [--json FILE]

Every competitor computes the same layer, +-1 inputs and weights. The engine's figure is its step's own time from packed
bits in to packed bits out: convolution, batch norm and sign as a threshold, packing. PyTorch's figure is ``F.conv2d``
(or ``F.linear``) in float32 alone, without batch norm and sign. Answers are compared first: the engine's bits must
equal the threshold of PyTorch's sums. Each round takes the competitors in shuffled order and notes the best of three
warm calls of each; the table shows medians and minima over the rounds and the ratios of both. On a busy machine the
ratio of minima is the fair one: long calls are interrupted more often than short ones. Goals count the lower ratio.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from xnorkit.graph.build import GraphBuilder
from xnorkit.runtime.cpu import isa
from xnorkit.runtime.session import Session

GOALS = {"torch": 8.0, "popcnt": 2.0}
"""Ratios the engine must reach on GOAL_LAYER."""
GOAL_LAYER = "3x3 256ch 14x14"


@dataclass(frozen=True)
class Layer:
    """A layer with as many outputs as inputs; ``size`` 0 means dense."""

    name: str
    size: int
    channels: int
    kernel: int

    @property
    def multiply_adds(self) -> int:
        return max(self.size, 1) ** 2 * self.channels**2 * self.kernel**2


LAYERS = (
    Layer("3x3 64ch 56x56", 56, 64, 3),
    Layer("3x3 128ch 28x28", 28, 128, 3),
    Layer(GOAL_LAYER, 14, 256, 3),
    Layer("3x3 512ch 7x7", 7, 512, 3),
    Layer("1x1 256ch 14x14", 14, 256, 1),
    Layer("dense 1x4096x4096", 0, 4096, 1),
)


@dataclass(frozen=True)
class Row:
    """One competitor on one layer; milliseconds."""

    layer: str
    competitor: str
    kernel: str
    median_ms: float
    best_ms: float
    giga_multiply_adds_per_second: float
    engine_speedup_at_median: float
    engine_speedup_at_best: float

    @property
    def engine_speedup(self) -> float:
        """The lower of both ratios."""
        return min(self.engine_speedup_at_median, self.engine_speedup_at_best)


class Case:
    """One layer's data, its competitors by name, and what they answer."""

    def __init__(self, layer: Layer, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.layer = layer
        c, k, size = layer.channels, layer.kernel, max(layer.size, 1)
        self.x = rng.choice(np.array([-1, 1], np.float32), (1, size, size, c))
        self.weight = rng.choice(np.array([-1, 1], np.int8), (c, k, k, c))
        self.threshold = rng.integers(-20, 20, c, np.int32)
        self.flip = rng.choice(np.array([-1, 1], np.int8), c)
        self.torch_x = torch.from_numpy(self.x).permute(0, 3, 1, 2).contiguous()
        self.torch_weight = torch.from_numpy(self.weight.astype(np.float32)).permute(0, 3, 1, 2).contiguous()
        names = ["scalar", "popcnt", "avx2"][: ["scalar", "popcnt", "avx2"].index(isa()) + 1]
        self.sessions = {name: self._session(name) for name in names if name != "scalar" or name == isa()}

    def _session(self, level: str) -> Session:
        layer, c = self.layer, self.layer.channels
        b = GraphBuilder()
        bits = b.add("sign", b.input("x", "f32", (*self.x.shape[1:3], c)))
        if layer.size == 0:
            weight = {"weight": self.weight.reshape(c, c)}
            acc = b.add("bdense", bits, name="layer", out_features=c, tensors=weight)
        else:
            pad, k = layer.kernel // 2, layer.kernel
            attrs: dict[str, Any] = {"out_channels": c, "kernel": (k, k), "padding": (pad,) * 4}
            acc = b.add("bconv2d", bits, name="layer", **attrs, tensors={"weight": self.weight})
        out = b.add("threshold", acc, tensors={"threshold": self.threshold, "flip": self.flip})
        return Session(b.graph([out]), threads=1, isa=level)

    def torch_sums(self) -> torch.Tensor:
        """(1, C, H, W) float32, exact integers."""
        if self.layer.size == 0:
            return F.linear(self.torch_x.flatten(1), self.torch_weight.flatten(1))[..., None, None]
        return F.conv2d(self.torch_x, self.torch_weight, padding=self.layer.kernel // 2)

    def check(self) -> None:
        """Exit unless every engine kernel equals the threshold of PyTorch's sums."""
        sums = self.torch_sums().permute(0, 2, 3, 1).numpy()
        below = (sums < self.threshold) ^ (self.flip < 0)
        expected = np.where(below, np.int8(-1), np.int8(1)).reshape(-1)
        for name, session in self.sessions.items():
            wrong = int((session(self.x).reshape(-1) != expected).sum())
            if wrong:
                sys.exit(f"[bench] {self.layer.name}, {name}: got {wrong} wrong bits, expected 0")

    def step(self, name: str) -> Any:
        """The profile's row of the binary layer, fused with its threshold."""
        rows = self.sessions[name].profile(self.x).rows
        return next(row for row in rows if row.op in ("bconv2d", "bdense"))

    def competitors(self) -> dict[str, Callable[[], float]]:
        """Name -> seconds of one run."""
        timers: dict[str, Callable[[], float]] = {"torch fp32": lambda: wall(self.torch_sums)}
        for name in self.sessions:
            timers[f"engine {name}"] = lambda name=name: self.step(name).seconds  # type: ignore[misc]
        return timers


def wall(call: Callable[[], Any]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def race(layer: Layer, rounds: int, seed: int) -> list[Row]:
    """Rows of one layer, the engine's best kernel last."""
    case = Case(layer, seed)
    case.check()
    timers = case.competitors()
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    order, shuffler = list(timers), random.Random(seed)
    for name in order:  # warm caches and PyTorch's own choice of algorithm
        timers[name]()
    for _ in range(rounds):
        shuffler.shuffle(order)
        for name in order:
            timers[name]()  # its own data back into the caches
            seconds[name].append(min(timers[name]() for _ in range(3)))
    best = f"engine {isa()}"
    rows = []
    for name, found in seconds.items():
        kernel = "F.linear" if layer.size == 0 else "F.conv2d"
        if name.startswith("engine"):
            kernel = case.step(name.split()[1]).kernel
        median = statistics.median(found)
        speed = layer.multiply_adds / min(found) / 1e9
        ratios = median / statistics.median(seconds[best]), min(found) / min(seconds[best])
        rows.append(Row(layer.name, name, kernel, median * 1e3, min(found) * 1e3, speed, *ratios))
    return rows


def cpu_name() -> str:
    """The CPU's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def goals_met(rows: list[Row]) -> bool:
    """Whether GOAL_LAYER reaches GOALS; prints both ratios."""
    ok = True
    for word, goal in GOALS.items():
        for row in rows:
            if row.layer == GOAL_LAYER and word in row.competitor:
                ok = ok and row.engine_speedup >= goal
                print(f"{GOAL_LAYER}: {row.engine_speedup:.1f}x {row.competitor}, goal {goal:.0f}x")
    return ok


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31, help="rounds of a race (at least 25)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    args = parser.parse_args()
    if args.rounds < 25:
        parser.error(f"rounds: got {args.rounds}, expected at least 25")
    torch.set_num_threads(1)
    print(f"{cpu_name()}, engine {isa()}, torch {torch.__version__}, one thread, batch 1, {args.rounds} rounds")
    heads = f"{'median ms':>10} {'best ms':>9} {'G/s at best':>12} {'ratio':>8} {'at best':>8}"
    print(f"{'layer':18} {'competitor':14} {heads}  kernel")
    rows: list[Row] = []
    with torch.inference_mode():
        for layer in LAYERS:
            for row in race(layer, args.rounds, args.seed):
                rows.append(row)
                ratios = f"{row.engine_speedup_at_median:8.1f} {row.engine_speedup_at_best:8.1f}"
                figures = f"{row.median_ms:10.4f} {row.best_ms:9.4f} {row.giga_multiply_adds_per_second:12.1f}"
                print(f"{row.layer:18} {row.competitor:14} {figures} {ratios}  {row.kernel}", flush=True)
    if args.json:
        system = {"cpu": cpu_name(), "isa": isa(), "torch": torch.__version__, "rounds": args.rounds}
        temporary = args.json.with_suffix(args.json.suffix + ".tmp")
        temporary.write_text(json.dumps({**system, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
        temporary.replace(args.json)
    return 0 if goals_met(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
