"""The compiled module alone, called by a hostile hand: every refusal has its code, nothing is read out of bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from xnorkit.reference.ops import OPS
from xnorkit.runtime import _engine

F = np.float32


def test_both_op_tables_are_equal() -> None:
    ours = _engine.ops()
    assert set(ours) == set(OPS) - {"input"}
    for name, row in ours.items():
        law = OPS[name]
        assert [set(accepted) for accepted in row["accepts"]] == list(law.accepts), name
        assert set(row["attrs"]) == set(law.attrs), name
        assert {(role, kind, optional) for role, kind, optional in row["tensors"]} == {
            (role, spec.dtype, spec.optional) for role, spec in law.tensors.items()
        }, name


def builder(dtype: str = "f32", shape: tuple[int, ...] = (4, 4, 2)) -> _engine.Builder:
    b = _engine.Builder()
    b.input(dtype, shape)
    return b


def add_form(form: Any, segment: int = 0) -> int:
    attrs = {"out_features": 4, "segment": segment}
    return builder(shape=(1, 1, 8)).add("dense", [0], attrs, {"weight": form})


CONV = {"out_channels": 1, "kernel": (2, 2)}
WEIGHT = np.zeros(8, F)
BYTES = np.zeros(8, np.uint8)
BAD_CALLS: dict[str, tuple[str, Callable[[], Any]]] = {
    "unknown codec": ("XK_GRAPH", lambda: _engine.decode("zip", [1], {}, {}, WEIGHT)),
    "coded weights of 2^31": ("XK_GRAPH", lambda: _engine.decode("hashed", [1 << 16, 1 << 15], {}, {}, WEIGHT)),
    "coded weights of no shape": ("XK_GRAPH", lambda: _engine.decode("hashed", [], {}, {}, WEIGHT[:0])),
    "memory of another size": ("XK_SHAPE", lambda: _engine.decode("hashed", [9], {}, {"values": WEIGHT}, WEIGHT)),
    "a part of another type": ("XK_DTYPE", lambda: _engine.decode("hashed", [8], {}, {"values": BYTES}, WEIGHT)),
    "parts missing": ("XK_GRAPH", lambda: _engine.decode("sparse", [8], {}, {}, WEIGHT)),
    "vectors of one number": (
        "XK_GRAPH",
        lambda: add_form(("vector", [4, 8], {"segments": 1, "stages": 1}, {"codebook": WEIGHT[:1]})),
    ),
    "a form of another codec": ("XK_GRAPH", lambda: add_form(("shared", [4, 8], {}, {"codebook": WEIGHT}))),
    "half a form": ("XK_GRAPH", lambda: add_form(("hashed", [4, 8]))),
    "a form of another size": ("XK_SHAPE", lambda: add_form(("hashed", [4, 9], {}, {"values": WEIGHT}))),
    "a hashed weight by segments": (
        "XK_SHAPE",
        lambda: add_form(("hashed", [4, 8], {}, {"values": WEIGHT}), segment=4),
    ),
    "a hashed convolution": (
        "XK_SHAPE",
        lambda: builder().add("conv2d", [0], CONV, {"weight": ("hashed", [1, 2, 2, 2], {}, {"values": WEIGHT})}),
    ),
    "a segment that does not divide": (
        "XK_SHAPE",
        lambda: builder(shape=(1, 1, 8)).add("dense", [0], {"out_features": 1, "segment": 3}, {"weight": WEIGHT}),
    ),
    "unknown op": ("XK_GRAPH", lambda: builder().add("warp", [0], {}, {})),
    "unknown value": ("XK_GRAPH", lambda: builder().add("relu", [5], {}, {})),
    "too many inputs": ("XK_GRAPH", lambda: builder().add("relu", [0, 0], {}, {})),
    "unknown attribute": ("XK_GRAPH", lambda: builder().add("relu", [0], {"kernel": (1, 1)}, {})),
    "kernel of one": ("XK_GRAPH", lambda: builder().add("conv2d", [0], {**CONV, "kernel": (2,)}, {"weight": WEIGHT})),
    "kernel of text": ("XK_GRAPH", lambda: builder().add("conv2d", [0], {**CONV, "kernel": "22"}, {"weight": WEIGHT})),
    "kernel of 2^40": ("XK_RANGE", lambda: builder().add("conv2d", [0], {**CONV, "kernel": (2**40, 1)}, {})),
    "kernel too wide": ("XK_SHAPE", lambda: builder().add("conv2d", [0], {**CONV, "kernel": (5, 5)}, {})),
    "no attributes": ("XK_RANGE", lambda: builder().add("conv2d", [0], {}, {"weight": WEIGHT})),
    "no weight": ("XK_GRAPH", lambda: builder().add("conv2d", [0], CONV, {})),
    "unknown role": ("XK_GRAPH", lambda: builder().add("conv2d", [0], CONV, {"wait": WEIGHT})),
    "weight of float64": ("XK_DTYPE", lambda: builder().add("conv2d", [0], CONV, {"weight": np.zeros(8)})),
    "weight of int8": ("XK_DTYPE", lambda: builder().add("conv2d", [0], CONV, {"weight": np.zeros(8, np.int8)})),
    "weight of 7": ("XK_SHAPE", lambda: builder().add("conv2d", [0], CONV, {"weight": np.zeros(7, F)})),
    "strided weight": ("XK_DTYPE", lambda: builder().add("conv2d", [0], CONV, {"weight": np.zeros(16, F)[::2]})),
    "list weight": ("XK_DTYPE", lambda: builder().add("conv2d", [0], CONV, {"weight": [0.0] * 8})),
    "misaligned weight": (
        "XK_DTYPE",
        lambda: builder().add("conv2d", [0], CONV, {"weight": np.zeros(33, np.uint8)[1:].view(F)}),
    ),
    "input of bits": ("XK_DTYPE", lambda: builder("bits")),
    "input of f16": ("XK_DTYPE", lambda: builder("f16")),
    "input of rank 2": ("XK_SHAPE", lambda: builder("f32", (4, 4))),
    "input of zero": ("XK_SHAPE", lambda: builder("f32", (4, 0, 4))),
    "input of 2^40": ("XK_RANGE", lambda: builder("f32", (2**40, 1, 1))),
    "no output": ("XK_GRAPH", lambda: builder().build()),
    "unknown output": ("XK_GRAPH", lambda: builder().mark_output(9)),
    "unknown isa": ("XK_RANGE", lambda: builder().build(isa="mmx")),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_refused_calls(name: str) -> None:
    code, call = BAD_CALLS[name]
    with pytest.raises(_engine.EngineError) as caught:
        call()
    assert caught.value.args[0] == code, caught.value
    assert caught.value.args[1].startswith("["), caught.value


def program() -> _engine.Program:
    b = builder("f32", (2, 2, 9))
    b.mark_output(b.add("sign", [0], {}, {}))
    return b.build()


X, Y = np.zeros((3, 2, 2, 9), F), np.zeros((3, 2, 2, 2), np.uint8)
BAD_ARRAYS: dict[str, tuple[str, list[Any], list[Any]]] = {
    "no arrays": ("XK_GRAPH", [], []),
    "no output": ("XK_GRAPH", [X], []),
    "float64": ("XK_DTYPE", [X.astype(float)], [Y]),
    "rank 3": ("XK_SHAPE", [X[0]], [Y]),
    "another height": ("XK_SHAPE", [X[:, :1].copy()], [Y]),
    "output of another batch": ("XK_SHAPE", [X], [Y[:2]]),
    "unpacked output": ("XK_SHAPE", [X], [np.zeros((3, 2, 2, 9), np.uint8)]),
    "float output": ("XK_DTYPE", [X], [Y.astype(F)]),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_refused_arrays(name: str) -> None:
    code, inputs, outputs = BAD_ARRAYS[name]
    with pytest.raises(_engine.EngineError) as caught:
        program().run(inputs, outputs)
    assert caught.value.args[0] == code, caught.value


def test_outputs_must_be_writable_and_contiguous() -> None:
    frozen = Y.copy()
    frozen.flags.writeable = False
    for output in (frozen, np.zeros((3, 2, 2, 4), np.uint8)[..., ::2]):
        with pytest.raises(TypeError):
            program().run([X], [output])
    with pytest.raises(_engine.EngineError, match="threads"):
        program().run([X], [Y], 0)


def test_tensors_may_die_after_the_build() -> None:
    """The program owns its packed weights: neither the arrays nor the builder have to live on."""
    b = builder("f32", (1, 1, 64))
    weight = np.full((16, 64), 0.5, F)
    b.mark_output(b.add("dense", [0], {"out_features": 16}, {"weight": weight}))
    made = b.build()
    weight[:] = np.nan
    del b, weight
    out = np.zeros((1, 1, 1, 16), F)
    made.run([np.ones((1, 1, 1, 64), F)], [out])
    assert (out == 32).all()
