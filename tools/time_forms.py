"""Time dense layers whose weights have a form against the same layers decoded and against torch: by tables (vectors),
without the matrix (hashed).

    python tools/time_forms.py [ROUNDS]

Answers are checked before: the forms' bits are those of the decoded weight, torch's are near. One thread; all systems
take turns (`bench.race.alternate`). Prints a Markdown table of medians; `table / decoded` is the ratio of minima.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from xnorkit.bench.race import alternate, clocked
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph
from xnorkit.reference.codecs.coded import Coded
from xnorkit.reference.codecs.table import CODECS, decode
from xnorkit.reference.codecs.vector import from_codebook
from xnorkit.reference.hashing import buckets_and_signs
from xnorkit.runtime.session import Session

VECTORS = [(784, 300, 8, 12), (800, 500, 8, 16), (4096, 1000, 8, 16), (4096, 4096, 4, 16), (4096, 4096, 8, 16),
           (4096, 4096, 8, 256), (9216, 4096, 8, 16), (9216, 4096, 8, 256)]  # fmt: skip
"""Inputs, outputs, columns of a segment, vectors of a segment."""
HASHED = [(784, 1000, 8), (784, 1000, 64), (9216, 4096, 64)]
"""Inputs, outputs, weights a value."""
CONVS = [(28, 256, 256, 8, 16), (14, 512, 512, 8, 16)]
"""Side of the picture, inputs and outputs of a kernel of one pixel, columns of a segment, vectors of a segment."""
BATCHES = (1, 64)
RNG = np.random.default_rng(0)


def layer(weight: NDArray[np.float32], coded: Coded | None = None, segment: int = 0) -> Graph:
    b = GraphBuilder()
    x = b.input("x", "f32", (1, 1, weight.shape[1]))
    tensors = {"weight": weight, "bias": np.zeros(len(weight), np.float32)}
    graph = b.graph([b.add("dense", x, name="fc", out_features=len(weight), segment=segment, tensors=tensors)])
    return graph if coded is None else replace(graph, tensors={**graph.tensors, "fc.weight": coded})


def conv(weight: NDArray[np.float32], side: int, coded: Coded | None = None, segment: int = 0) -> Graph:
    b = GraphBuilder()
    x = b.input("x", "f32", (side, side, weight.shape[1]))
    graph = b.graph([b.add("conv2d", x, name="fc", out_channels=len(weight), kernel=(1, 1), segment=segment,
                           tensors={"weight": weight[:, None, None]})])  # fmt: skip
    if coded is None:
        return graph
    return replace(graph, tensors={"fc.weight": replace(coded, shape=(len(weight), 1, 1, weight.shape[1]))})


def vectors(inputs: int, outputs: int, width: int, values: int) -> Coded:
    book = RNG.standard_normal((1, inputs // width, values, width)).astype(np.float32)
    return from_codebook(book, RNG.integers(0, values, (1, inputs // width, outputs)).astype(np.uint8),
                         (outputs, inputs))  # fmt: skip


def hashed(inputs: int, outputs: int, fold: int) -> Coded:
    buckets = inputs * outputs // fold
    bucket, sign = buckets_and_signs(inputs * outputs, buckets, 0)
    values = RNG.standard_normal(buckets).astype(np.float32)
    weight = (values[bucket] * sign).astype(np.float32).reshape(outputs, inputs)
    return CODECS["hashed"].encode(weight, {"buckets": buckets, "seed": 0})


def compare(what: str, form: Session, whole: Session, weight: NDArray[np.float32], batch: int, rounds: int,
            side: int = 1) -> str:  # fmt: skip
    """A line of the table."""
    x = RNG.standard_normal((batch, side, side, weight.shape[1])).astype(np.float32)
    tensor, matrix = torch.from_numpy(x.reshape(-1, weight.shape[1])), torch.from_numpy(weight)
    answer = form(x).reshape(-1, len(weight))
    assert np.allclose(answer, tensor @ matrix.T, rtol=1e-3, atol=1e-2), what
    calls: dict[str, Callable[[], object]] = {
        "form": lambda: form(x), "decoded": lambda: whole(x), "torch": lambda: tensor @ matrix.T,
    }  # fmt: skip
    found = alternate({name: lambda call=call: clocked(call) for name, call in calls.items()}, rounds=rounds)
    ms = {name: 1e3 * statistics.median(times) for name, times in found.items()}
    ratio = min(found["decoded"]) / min(found["form"])
    sizes = [session.program.weight_bytes for session in (form, whole)]
    return (f"| {what} | {batch} | {ms['form']:.3f} | {ms['decoded']:.3f} | {ms['torch']:.3f} | {ratio:.2f}x "
            f"| {sizes[0]:,} | {sizes[1]:,} |")  # fmt: skip


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    print(
        "| layer | batch | its form, ms | decoded, ms | torch fp32, ms | form to decoded | bytes in memory | decoded |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for inputs, outputs, width, values in VECTORS:
        coded = vectors(inputs, outputs, width, values)
        weight = decode(coded)
        form, law = Session(layer(weight, coded, width)), Session(layer(weight, segment=width))
        x = RNG.standard_normal((9, 1, 1, inputs)).astype(np.float32)
        assert np.array_equal(form(x), law(x))
        for batch in BATCHES:
            name = f"{inputs} x {outputs}, {values} vectors of {width}"
            print(compare(name, form, Session(layer(weight)), weight, batch, rounds), flush=True)
    for side, inputs, outputs, width, values in CONVS:
        coded = vectors(inputs, outputs, width, values)
        weight = decode(coded)
        form, law = Session(conv(weight, side, coded, width)), Session(conv(weight, side, segment=width))
        x = RNG.standard_normal((2, side, side, inputs)).astype(np.float32)
        assert np.array_equal(form(x), law(x))
        name = f"1x1, {side} x {side}, {inputs} to {outputs}, {values} vectors of {width}"
        print(compare(name, form, Session(conv(weight, side)), weight, 1, rounds, side), flush=True)
    for inputs, outputs, fold in HASHED:
        coded = hashed(inputs, outputs, fold)
        weight = decode(coded)
        form, whole = Session(layer(weight, coded), memory_budget=weight.nbytes - 1), Session(layer(weight))
        x = RNG.standard_normal((9, 1, 1, inputs)).astype(np.float32)
        assert np.array_equal(form(x), whole(x))
        for batch in BATCHES:
            print(compare(f"{inputs} x {outputs}, hashed 1/{fold}", form, whole, weight, batch, rounds), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
