"""What a session accepts, refuses and returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime_nets import convnet, floats, pictures, sign_net

from xnorkit import errors
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder
from xnorkit.runtime import engine_backend
from xnorkit.runtime.session import Session, load

BACKENDS = ("engine", "reference")
NET = convnet()
IMAGES = pictures(11)
EXPECTED = Session(NET, backend="reference")(IMAGES)


@pytest.mark.parametrize("options", [{}, {"threads": 3}, {"fuse": False}, {"isa": "scalar"}, {"isa": "popcnt"}])
def test_engine_equals_reference(options: dict[str, Any]) -> None:
    got = Session(NET, **options)(IMAGES)
    assert got.shape == (11, 7) and got.dtype == np.float32
    np.testing.assert_array_equal(got, EXPECTED)


def test_path_bytes_and_graph_are_the_same_model(tmp_path: Path) -> None:
    path = tmp_path / "net.xnor.safetensors"
    store.save(NET, path)
    for session in (load(path), load(str(path)), load(path.read_bytes()), Session(NET)):
        np.testing.assert_array_equal(session(IMAGES), EXPECTED)
        assert "u8[12x12x1]" in repr(session)
    path.unlink()


def test_a_batch_larger_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_backend, "CHUNK_IMAGES", 4)
    np.testing.assert_array_equal(Session(NET)(IMAGES), EXPECTED)


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_are_images_one_by_one(backend: Any) -> None:
    session = Session(NET, backend=backend)
    assert session(IMAGES[:0]).shape == (0, 7)
    for n in (0, 10):
        np.testing.assert_array_equal(session(IMAGES[n : n + 1]), EXPECTED[n : n + 1])


def test_forms_of_the_input() -> None:
    session = Session(NET)
    np.testing.assert_array_equal(session(IMAGES[..., 0]), EXPECTED)
    strided = np.empty((11, 12, 24, 1), np.uint8)[:, :, ::2]
    strided[:] = IMAGES
    np.testing.assert_array_equal(session(strided), EXPECTED)
    read_only = IMAGES.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(session(read_only), EXPECTED)
    np.testing.assert_array_equal(session({"x": IMAGES}), EXPECTED)
    x = floats(5, 4)
    bits = np.where(x < 0, -1, 1)
    assert (Session(sign_net())(x) == bits).all()
    misaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(5, 4)
    assert (Session(sign_net())(misaligned) == bits).all()


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((1, 12, 12, 1)), errors.DTypeError, "got float64, expected uint8"),
        (np.zeros((12, 12, 1), np.uint8), errors.ShapeError, "batch axis"),
        (np.zeros((12, 12), np.uint8), errors.ShapeError, "batch axis"),
        (np.zeros((1, 1, 12, 12), np.uint8), errors.ShapeError, "channels come last"),
        (np.zeros((1, 28, 28, 1), np.uint8), errors.ShapeError, "resize"),
        (np.uint8(3), errors.ShapeError, "expected"),
        ({"y": np.zeros((1, 12, 12, 1), np.uint8)}, errors.ShapeError, "names of inputs"),
        ("picture.png", errors.DTypeError, "expected uint8"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_refused_inputs(backend: Any, x: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Session(NET, backend=backend)(x)


def test_float64_is_refused_with_what_to_type() -> None:
    with pytest.raises(errors.DTypeError, match=r"x\.astype\(np\.float32\)"):
        Session(sign_net())(np.zeros((1, 4)))


def test_nan_is_refused_when_asked() -> None:
    x = floats(2, 4)
    x[1, 2] = np.nan
    assert Session(sign_net())(x)[1, 2] == 1, "sign(NaN) is +1"
    with pytest.raises(errors.RangeError, match="NaN or infinity"):
        Session(sign_net(), check_finite=True)(x)


@pytest.mark.parametrize("backend", BACKENDS)
def test_taps(backend: Any) -> None:
    names = ("pooled", "acc", "total", "flat", "packed")
    session = Session(NET, backend=backend, taps=names)
    seen = session(IMAGES)
    assert list(seen) == ["scores", *names]
    np.testing.assert_array_equal(seen["scores"], EXPECTED)
    law = Session(NET, backend="reference", taps=names)(IMAGES)
    for name in names:
        assert (seen[name].dtype, seen[name].shape) == (law[name].dtype, law[name].shape)
        np.testing.assert_array_equal(seen[name], law[name])
    assert seen["pooled"].shape == (11, 6, 6, 20) and set(np.unique(seen["pooled"])) == {-1, 1}
    assert seen["packed"].shape == (11, 33) and seen["acc"].dtype == np.int32
    assert list(Session(NET, backend=backend, taps=("scores",))(IMAGES[:1])) == ["scores"], "taps always give a dict"
    with pytest.raises(errors.GraphError, match=r"unknown_output.*got nothing"):
        Session(NET, backend=backend, taps=("nothing",))


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_inputs_and_outputs(backend: Any) -> None:
    b = GraphBuilder()
    p, q = b.input("p", "f32", (1, 1, 3)), b.input("q", "f32", (1, 1, 3))
    graph = b.graph([b.add("add", p, q, name="sum"), b.add("relu", q, name="positive"), p])
    session = Session(graph, backend=backend)
    x, y = floats(2, 3), floats(2, 3)
    got = session({"q": y, "p": x})
    assert list(got) == ["sum", "positive", "p"]
    np.testing.assert_array_equal(got["sum"], x + y)
    np.testing.assert_array_equal(got["positive"], np.maximum(y, 0))
    np.testing.assert_array_equal(got["p"], x)
    with pytest.raises(errors.ShapeError, match="a dict of"):
        session(x)
    with pytest.raises(errors.ShapeError, match="batch sizes"):
        session({"p": x, "q": y[:1]})


def test_threads_and_backend_are_checked() -> None:
    session = Session(NET, threads=2)
    session.threads = 3
    assert session.threads == 3
    for wrong in (0, 257, -1, 1.5, "2"):
        with pytest.raises(errors.RangeError, match="threads"):
            session.threads = wrong  # type: ignore[assignment]
        with pytest.raises(errors.RangeError, match="threads"):
            session(IMAGES, threads=wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.RangeError, match="engine or reference"):
        Session(NET, backend="gpu")  # type: ignore[arg-type]


def test_memory_budget() -> None:
    program = Session(NET).program
    room = program.weight_bytes + program.run_bytes(11, 1)
    np.testing.assert_array_equal(Session(NET, memory_budget=room)(IMAGES), EXPECTED)
    with pytest.raises(errors.LimitError, match="memory for a batch of 11"):
        Session(NET, memory_budget=room - program.arena_bytes)(IMAGES)
    with pytest.raises(errors.LimitError, match="memory for weights"):
        Session(NET, memory_budget=1000)


@pytest.mark.parametrize("backend", BACKENDS)
def test_profile(backend: Any) -> None:
    session = Session(NET, backend=backend)
    result, profile = session(IMAGES, profile=True)
    np.testing.assert_array_equal(result, EXPECTED)
    assert profile.batch == 11 and all(row.seconds >= 0 for row in profile.rows)
    macs = {row.name.split(" + ")[0]: row.multiply_adds for row in profile.rows}
    assert macs["acc"] == 11 * 36 * 20 * 9 * 20
    assert "acc" in str(session.profile(IMAGES[:1]))
    if backend == "engine":
        assert any(row.name.startswith("acc + ") for row in profile.rows), "the affine is fused"
        assert len(session.program.steps) == len(profile.rows)
