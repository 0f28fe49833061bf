"""What watching a training costs: steps of LeNet-5 XNOR, unwatched and observed every 1, 10, 100 steps, in turns.

python tools/diagnose_cost.py          # half a minute on one core; ratios at the median and the minimum
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

import xnorkit as xk
from xnorkit.train.diagnostics import Diagnostics

ROUNDS, BATCH = 15, 100


def trained(every: int | None) -> Callable[[int], float]:
    """A net of its own; the answer makes so many steps and returns seconds a step."""
    torch.manual_seed(0)
    model = xk.create_model("lenet5", method="xnor")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    watch = Diagnostics(model, every=every) if every else None
    images, labels = torch.randint(0, 256, (BATCH, 1, 28, 28)).float(), torch.randint(0, 10, (BATCH,))

    def run(steps: int) -> float:
        begun = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
            if watch is not None:
                watch.step()
        return (time.perf_counter() - begun) / steps

    return run


def main() -> None:
    """Print a line for each interval."""
    torch.set_num_threads(1)
    nets = {every: trained(every) for every in (None, 1, 10, 100)}
    seconds: dict[int | None, list[float]] = {every: [] for every in nets}
    for _ in range(ROUNDS):
        for every, run in nets.items():
            seconds[every].append(run(10))
    plain = seconds[None]
    for every, found in seconds.items():
        name = "unwatched" if every is None else f"every {every}"
        ratios = statistics.median(found) / statistics.median(plain), min(found) / min(plain)
        print(
            f"{name:10} {1e3 * statistics.median(found):7.2f} ms a step, {ratios[0]:.3f} / {ratios[1]:.3f} of unwatched"
        )


if __name__ == "__main__":
    main()
