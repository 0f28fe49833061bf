"""``xnorkit demo``: train a small XNOR-Net and its fp32 twin, pack, prove, race; a table at the end."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import ParityError
from .output import Output
from .verb import need_torch, verb

RECIPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "digits": ("digits-xnor", ("train.epochs=8",)),
    "fashion-mnist": ("fashion-mnist-lenet5-xnor", ("data.limit=20000", "data.holdout=0", "train.epochs=3")),
}
"""Dataset -> shipped recipe and what is changed in it to be short; the fp32 twin differs in ``model.method`` only."""
RACE_ROUNDS = 100


@verb("demo", example="xnorkit demo\nxnorkit demo --data digits --json demo.json --keep demo/")
@click.option(
    "--data",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", *RECIPES]),
    help="auto: the digits inside scikit-learn, then Fashion-MNIST when it is found.",
)
@click.option("--keep", metavar="FOLDER", help="Keep checkpoints and packed files there; default: they are removed.")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of training and of both racers."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the training runs.")
def command(out: Output, data: str, keep: str | None, threads: int, seed: int) -> None:
    """Train, pack, prove and race a small net on embedded data.

    A LeNet-5 with XNOR blocks and its fp32 twin by the same short recipe; the packed file is compared with the trained
    net layer by layer and on every test picture, then raced against PyTorch fp32 on the twin.
    """
    need_torch("demo")
    import torch

    torch.set_num_threads(threads)
    names = _found() if data == "auto" else [data]
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            found = _one(name, Path(keep or scratch) / name, out, threads, seed)
            _show(out, found)
            results.append(found)
    out.result({**results[-1], "runs": results})
    if any(found["prediction_mismatches"] or not found["layers_equal"] for found in results):
        raise ParityError("demo", "the packed net differs from the trained one", hint="please report this")


def _found() -> list[str]:
    from ..train.data.datasets import DATASETS, locate

    return [name for name in RECIPES if locate(DATASETS[name], "train") and locate(DATASETS[name], "test")]


@dataclass(frozen=True)
class _Net:
    """One trained net: its module in eval mode, test accuracy, bytes of its weights on disk."""

    module: Any
    accuracy: float
    file_bytes: int


def _train(name: str, method: str, folder: Path, out: Output, seed: int) -> _Net:
    from ..train.launch import run

    recipe, changes = RECIPES[name]
    overrides = [*changes, f"name={name}-{method}", f"seed={seed}", f"model.method={method}"]
    result = run(recipe, out=folder / method, overrides=overrides, resume="never", device="cpu", tensorboard=False)
    return _Net(result.model, result.test.top1, (folder / method / "best" / "model.safetensors").stat().st_size)


def _one(name: str, folder: Path, out: Output, threads: int, seed: int) -> dict[str, Any]:
    """Everything for one dataset, as the JSON result."""
    import torch

    from ..export import export, to_graph, verify
    from ..train.data.datasets import load
    from ..train.metrics import summarize
    from .costs import by_kind, costs
    from .packed import open_packed

    out.line(f"\n{name}: train a LeNet-5 with XNOR blocks and its fp32 twin", bold=True)
    twin = _train(name, "fp32", folder, out, seed)
    binary = _train(name, "xnor", folder, out, seed)
    pictures = load(name, "test")
    height, width, channels = pictures.shape
    example = torch.zeros(1, channels, height, width)
    file = folder / f"{name}.xnor.safetensors"
    meta = {"classes": json.dumps(pictures.classes), "dataset": name}
    report = export(binary.module, example, file, meta=meta)
    out.line(f"packed {report.packed} layers to one bit: {report.file_bytes:,} bytes")
    parity = verify(binary.module, file, pictures.images)
    net = open_packed(str(file), threads=threads)
    accuracy = summarize(net.logits(pictures.images), pictures.labels).top1
    out.line(f"predictions equal: {parity.n - parity.mismatches:,}/{parity.n:,}")
    times = _race(twin.module, net, pictures.images)
    kinds = {"fp32": by_kind(costs(to_graph(twin.module, example))), "packed": by_kind(costs(report.graph))}
    return {
        "dataset": name,
        "n_test": parity.n,
        "threads": threads,
        "fp32": {"accuracy": twin.accuracy, "file_bytes": twin.file_bytes},
        "binary": {"accuracy": binary.accuracy, "file_bytes": binary.file_bytes},
        "packed": {"accuracy": accuracy, "file_bytes": report.file_bytes},
        "parameters": {who: {kind: row["parameters"] for kind, row in found.items()} for who, found in kinds.items()},
        "prediction_mismatches": parity.mismatches,
        "layers_equal": parity.ok,
        **times,
    }


def _race(twin: Any, net: Any, images: Any) -> dict[str, dict[str, float]]:
    """Milliseconds per picture at batch 1 and pictures per second at batch 64, packed and PyTorch fp32, in turns."""
    import torch

    times: dict[int, dict[str, float]] = {}
    with torch.inference_mode():
        for batch in (1, 64):
            packed_input = images[:batch]
            torch_input = torch.from_numpy(packed_input.transpose(0, 3, 1, 2).copy()).float()
            calls = {"packed": partial(net.session, packed_input), "torch_fp32": partial(twin, torch_input)}
            times[batch] = race(calls)
    return {
        "latency_ms": {who: 1e3 * seconds for who, seconds in times[1].items()},
        "throughput": {who: 64 / seconds for who, seconds in times[64].items()},
    }


def race(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Name -> median seconds over ``RACE_ROUNDS`` of the bench's alternating rounds."""
    from ..bench.race import alternate, clocked

    found = alternate({who: partial(clocked, call) for who, call in calls.items()}, rounds=RACE_ROUNDS)
    return {who: statistics.median(seconds) for who, seconds in found.items()}


def _show(out: Output, found: dict[str, Any]) -> None:
    """The table: fp32 twin, binary in PyTorch, packed."""
    kinds, latency, rate = found["parameters"], found["latency_ms"], found["throughput"]
    nets = ("fp32", "binary", "packed")
    rows = [["test accuracy, %", *(f"{100 * found[net]['accuracy']:.2f}" for net in nets)]]
    for kind, label in (
        ("binary", "1-bit"),
        ("int8", "int8"),
        ("float32", "float32"),
        ("other", "other"),
    ):
        counts = (kinds["fp32" if net == "fp32" else "packed"].get(kind, 0) for net in nets)
        rows.append([f"parameters: {label}", *(f"{count:,}" for count in counts)])
    rows.append(["bytes on disk", *(f"{found[net]['file_bytes']:,}" for net in nets)])
    rows.append(["ms a picture, batch 1", f"{latency['torch_fp32']:.3f}", "-", f"{latency['packed']:.3f}"])
    rows.append(["pictures/s, batch 64", f"{rate['torch_fp32']:,.0f}", "-", f"{rate['packed']:,.0f}"])
    title = f"{found['dataset']}, {found['n_test']:,} test pictures, {found['threads']} thread(s)"
    out.line()
    out.table(["", "fp32 twin, PyTorch", "binary, PyTorch", "packed"], rows, title=title)
    smaller = found["fp32"]["file_bytes"] / found["packed"]["file_bytes"]
    faster = latency["torch_fp32"] / latency["packed"], rate["packed"] / rate["torch_fp32"]
    equal = found["n_test"] - found["prediction_mismatches"]
    out.line(
        f"{smaller:.1f}x smaller; {faster[0]:.1f}x lower latency at batch 1, {faster[1]:.1f}x throughput at batch 64"
    )
    out.line(f"predictions equal: {equal:,}/{found['n_test']:,}")
