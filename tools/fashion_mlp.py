"""The report's net, [784, 30, 10], quadratic cost, eta 3, mini-batches of 10, on Fashion-MNIST and on digits.

    python tools/fashion_mlp.py --out docs/results        # about two minutes on one core

Trains in NumPy (``xnorkit.estimators``), exports, lets the engine predict the test pictures from the file, compares
with the classifier, and writes ``fashion-mnist-mlp.json`` and ``.png``: the learning curves that
docs/results/fashion-mnist-mlp.md shows. Fails where one prediction differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import xnorkit as xk
from xnorkit.estimators import MLPClassifier
from xnorkit.train.data import load
from xnorkit.train.files import write_file

SETTINGS = {"learning_rate": 3.0, "batch_size": 10, "cost": "quadratic", "input_scale": 1 / 255}


def measure(dataset: str, scale: str, epochs: int) -> dict[str, Any]:
    """One training and its file: settings, curves, accuracy, seconds, bytes and equal predictions."""
    train, test = load(dataset, "train"), load(dataset, "test")
    x, test_x = (split.images.reshape(len(split.images), -1) for split in (train, test))
    net = MLPClassifier((30,), scale=scale, epochs=epochs, random_state=1, verbose=True, **SETTINGS)
    begun = time.monotonic()
    net.fit(x, train.labels, validation=(test_x, test.labels))
    seconds = time.monotonic() - begun
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.xnor.safetensors"
        size = net.export(path, test.images.shape[1:])
        answers = xk.load(path)(test.images).reshape(len(test_x), -1).argmax(1)
    predicted = net.predict(test_x)
    equal = int((net.classes_[answers] == predicted).sum())
    if equal != len(test_x):
        raise SystemExit(f"{dataset}: {len(test_x) - equal} predictions of the engine differ")
    return {"dataset": dataset, "sizes": [x.shape[1], 30, len(net.classes_)], "first_weights": scale, "epochs": epochs,
            **SETTINGS, "top1": float((predicted == test.labels).mean()), "equal_predictions": equal,
            "test_pictures": len(test_x), "file_bytes": size, "seconds": round(seconds, 1), "cost": net.loss_curve_,
            "train_top1": net.score_curve_, "test_top1": net.validation_curve_}  # fmt: skip


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Cost and accuracy by epoch of every run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, run in enumerate(runs):
        name, epochs = f"{run['dataset']}, {run['first_weights']}", range(1, run["epochs"] + 1)
        left.plot(epochs, run["cost"], color=f"C{number}", label=name)
        right.plot(epochs, run["train_top1"], color=f"C{number}", linestyle=":")
        right.plot(epochs, run["test_top1"], color=f"C{number}", label=name)
    left.set(xlabel="epoch", ylabel="quadratic cost, training data", yscale="log")
    right.set(xlabel="epoch", ylabel="top-1 accuracy (dotted: training data)")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle("784-30-10, eta 3, mini-batches of 10")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print a table, write what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("."), help="folder of the JSON and the picture")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    runs = [measure(dataset, scale, arguments.epochs)
            for dataset in ("fashion-mnist", "digits") for scale in ("unit", "fan_in")]  # fmt: skip
    for run in runs:
        best = int(np.argmax(run["test_top1"]))
        print(f"{run['dataset']:13} {run['first_weights']:6} test {100 * run['top1']:.2f} % "
              f"(highest {100 * run['test_top1'][best]:.2f} % after epoch {best + 1}), {run['seconds']} s, "
              f"{run['file_bytes']:,} bytes, engine equal on {run['equal_predictions']:,}")  # fmt: skip
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_file(arguments.out / "fashion-mnist-mlp.json", json.dumps(runs, indent=1).encode())
    draw(runs, arguments.out / "fashion-mnist-mlp.png")


if __name__ == "__main__":
    sys.exit(main())
