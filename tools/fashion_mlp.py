"""The report's net: [784, 30, 10] on Fashion-MNIST, [64, 30, 10] on digits; quadratic cost, eta 3, mini-batches of 10.

    python tools/fashion_mlp.py --out docs/results        # some minutes on one core

Trains in NumPy (``xnorkit.estimators``), exports, lets the engine predict the test pictures from the file, compares
with the classifier, prints a table (``--json``: the same as JSON), and writes ``fashion-mnist-mlp.json`` and ``.png``:
the learning curves that docs/results/fashion-mnist-mlp.md shows. Fails where one prediction differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import xnorkit as xk
from xnorkit import draw
from xnorkit.estimators import MLPClassifier
from xnorkit.train.data import load
from xnorkit.train.data.digits import is_test
from xnorkit.train.files import write_file

SETTINGS = {"learning_rate": 3.0, "batch_size": 10, "cost": "quadratic", "random_state": 1}
FIRST_WEIGHTS = ("unit", "fan_in")
Pictures = tuple[np.ndarray, np.ndarray]


def fashion() -> tuple[Pictures, Pictures, float]:
    """Training and test pictures (N, 28, 28, 1) of 0..255 with labels, and the scale to 0..1."""
    train, test = load("fashion-mnist", "train"), load("fashion-mnist", "test")
    return (train.images, train.labels), (test.images, test.labels), 1 / 255


def digits() -> tuple[Pictures, Pictures, float]:
    """As ``fashion``, in their own size: (N, 8, 8, 1) of 0..16; split as the dataset of this project."""
    bunch = load_digits()
    images, held = bunch.images.astype(np.uint8)[..., None], is_test(bunch.target)
    return (images[~held], bunch.target[~held]), (images[held], bunch.target[held]), 1 / 16


DATA: dict[str, Callable[[], tuple[Pictures, Pictures, float]]] = {"fashion-mnist": fashion, "digits": digits}


def measure(dataset: str, scale: str, epochs: int) -> dict[str, Any]:
    """One training and its file: settings, curves, accuracy, seconds, bytes and equal predictions."""
    (images, labels), (test_images, test_labels), input_scale = DATA[dataset]()
    x, test_x = (found.reshape(len(found), -1) for found in (images, test_images))
    net = MLPClassifier((30,), scale=scale, epochs=epochs, input_scale=input_scale, verbose=True, **SETTINGS)
    begun = time.monotonic()
    net.fit(x, labels, validation=(test_x, test_labels))
    seconds = time.monotonic() - begun
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.xnor.safetensors"
        size = net.export(path, test_images.shape[1:])
        answers = xk.load(path)(test_images).reshape(len(test_x), -1).argmax(1)
    predicted = net.predict(test_x)
    equal = int((net.classes_[answers] == predicted).sum())
    if equal != len(test_x):
        raise SystemExit(f"{dataset}: {len(test_x) - equal} predictions of the engine differ")
    return {"dataset": dataset, "sizes": [x.shape[1], 30, len(net.classes_)], "first_weights": scale, "epochs": epochs,
            **SETTINGS, "input_scale": input_scale, "top1": float((predicted == test_labels).mean()),
            "equal_predictions": equal, "train_pictures": len(x), "test_pictures": len(test_x), "file_bytes": size,
            "seconds": round(seconds, 1), "cost_curve": net.loss_curve_, "train_top1": net.score_curve_,
            "test_top1": net.validation_curve_}  # fmt: skip


def picture(runs: list[dict[str, Any]], epochs: int) -> bytes:
    """PNG of cost and accuracy by epoch of every run."""
    names = {f"{run['dataset']}, {run['first_weights']}": run for run in runs}
    panels = {
        "quadratic cost, training data": {name: run["cost_curve"] for name, run in names.items()},
        "top-1 accuracy, test data": {name: run["test_top1"] for name, run in names.items()},
    }
    title = "One hidden layer of 30 sigmoids, eta 3, mini-batches of 10"
    return draw.render(draw.curves(np.arange(1, epochs + 1), panels, x_label="epoch", title=title))


def main() -> None:
    """Measure, print, write what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the JSON and the picture; nothing is written without")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--only", choices=DATA, help="one dataset")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(DATA)
    runs = [measure(dataset, scale, arguments.epochs) for dataset in chosen for scale in FIRST_WEIGHTS]
    for run in [] if arguments.json else runs:
        best = int(np.argmax(run["test_top1"]))
        print(f"{run['dataset']:13} {'-'.join(map(str, run['sizes'])):9} {run['first_weights']:6} "
              f"test {100 * run['top1']:.2f} % (highest {100 * run['test_top1'][best]:.2f} % after epoch {best + 1}), "
              f"{run['seconds']} s, {run['file_bytes']:,} bytes, engine equal on "
              f"{run['equal_predictions']:,} of {run['test_pictures']:,}")  # fmt: skip
    if arguments.json:
        print(json.dumps(runs, indent=1))
    if arguments.out:
        write_file(arguments.out / "fashion-mnist-mlp.json", json.dumps(runs, indent=1).encode())
        write_file(arguments.out / "fashion-mnist-mlp.png", picture(runs, arguments.epochs))


if __name__ == "__main__":
    sys.exit(main())
