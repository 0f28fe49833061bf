"""The data drawn are the data given; every picture becomes a PNG; what cannot be drawn is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from xnorkit import draw
from xnorkit.draw.canvas import numbers
from xnorkit.errors import DTypeError, RangeError, ShapeError, XnorkitError
from xnorkit.reference import bits
from xnorkit.reference.backprop import ACTIVATIONS
from xnorkit.reference.conventions import sign

RNG = np.random.default_rng(0)
FILTERS = RNG.standard_normal((3, 5, 5))
SIGNS = sign(RNG.standard_normal(19))
EPOCHS = [
    {"epoch": n, "layers": [
        {"name": "stem", "weighted": True, "gradient": 0.1 * n, "update": 0.01},
        {"name": "relu", "weighted": False, "gradient": 0.2, "dead": 0.25},
        {"name": "conv", "weighted": True, "gradient": 1.0, "flips": 0.1 / n, "saturation": 0.5, "update": 0.02},
    ]} for n in (1, 2, 3)
]  # fmt: skip
COSTS = {"bytes": {"a": 4096, "b": None}, "ms": {"a": 0.5}}
POINTS, LABELS = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]), np.array([-1, 1, 1])


def line(x: np.ndarray) -> np.ndarray:
    """Above 0 right of x1 = 0.5."""
    return x[:, 0] - 0.5


EVERY: dict[str, Callable[[], draw.Picture]] = {
    "curves": lambda: draw.curves([1, 2], {"loss": {"a": [2.0, 1.0]}, "top-1": {"a": [0, 1]}}, x_label="epoch"),
    "functions": lambda: draw.functions({name: ACTIVATIONS[name].function for name in ("sigmoid", "tanh")}),
    "windows": lambda: draw.windows({"BNN": lambda x: (np.abs(x) <= 1).astype(float)}),
    "bars": lambda: draw.bars({"float": 32.0, "bit": 1.0}, unit="bits", groups=["a", "b"], log=True),
    "decision": lambda: draw.decision(POINTS, LABELS, line),
    "diagnosis": lambda: draw.diagnosis(EPOCHS),
    "gradients": lambda: draw.gradients(["0", "2"], {"sigmoid": [1e-3, 1.0]}),
    "maps": lambda: draw.maps(FILTERS, names=["a", "b", "c"], columns=2, signed=True),
    "comparison": lambda: draw.comparison({"a": [0.5, 0.9], "b": []}, COSTS, {"a": 0.9, "b": None}, {"a": 0.01}),
    "confusion": lambda: draw.confusion(np.array([[3, 1], [0, 2]]), ["cat", "dog"], "title"),
    "binarized_filters": lambda: draw.binarized_filters(FILTERS, np.abs(FILTERS).mean(axis=(1, 2))),
    "kmap_over": lambda: draw.kmap_over(RNG.random((8, 8)), RNG.random((4, 4))),
    "shrinking": lambda: draw.shrinking(["trained", "pruned"], [4096, 512], [0.9, 0.89], title="title"),
    "packed_row": lambda: draw.packed_row(SIGNS),
}


def test_every_public_picture_is_here() -> None:
    assert set(EVERY) == {name for name in draw.__all__ if name.islower()} - {"panels", "render"}


@pytest.mark.parametrize("name", EVERY)
def test_pictures_become_png_and_have_words(name: str) -> None:
    figure = EVERY[name]()
    with Image.open(io.BytesIO(draw.render(figure, dpi=60))) as image:
        assert image.format == "PNG" and len(image.convert("L").getcolors() or [()] * 300) > 2
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert any(axis.get_xlabel() or axis.get_title() for axis in figure.axes)


def test_a_comparison_draws_what_it_is_given() -> None:
    figure = draw.comparison({"a": [0.5, 0.9], "b": []}, COSTS, {"a": 0.9, "b": None}, {"a": 0.01})
    by_bytes, _, curves = figure.axes
    assert by_bytes.containers[0].lines[0].get_xydata().tolist() == [[4096.0, 90.0]]
    assert len(by_bytes.containers) == 1
    assert curves.lines[0].get_xydata().tolist() == [[1.0, 50.0], [2.0, 90.0]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    figure = draw.comparison({"a": [0.5], "b": []}, {"ms": {"a": 0.04, "b": 0.4}}, {"a": 0.9, "b": 0.8}, {})
    assert {"0.05", "0.1", "0.2"} <= {text.get_text() for text in figure.axes[0].get_xticklabels()}
    figure = draw.comparison({"a": [0.5], "b": [0.1]}, {"ms": {"a": 1, "b": 2}}, {"a": 0.9, "b": 0.1}, {})
    assert [axis.get_ylim() for axis in figure.axes] == [(89.0, 91.0), (49.0, 51.0)]
    with pytest.raises(RangeError, match="above 0"):
        draw.comparison({"a": [0.5]}, {"bytes": {"a": 0}}, {"a": 0.5}, {})
    with pytest.raises(ShapeError):
        draw.comparison({}, COSTS, {}, {})


def test_no_global_figure_is_made() -> None:
    code = ("import sys\nfrom xnorkit import draw\ndraw.render(draw.bars({'a': 1}, unit='ms'))\n"
            "assert 'matplotlib.pyplot' not in sys.modules")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_matplotlib_is_named() -> None:
    code = ("import sys\nsys.modules['matplotlib.axes'] = None\nfrom xnorkit.errors import MissingDependencyError\n"
            "try:\n    import xnorkit.draw\nexcept MissingDependencyError as error:\n"
            "    assert 'xnorkit[train]' in str(error)\n"
            "else:\n    sys.exit(1)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_curves_draw_their_values_and_leave_gaps() -> None:
    figure = draw.curves([1, 2, 3], {"loss": {"train": [3, 2, 1], "test": [4, np.nan, 2]}}, x_label="epoch", log=True)
    (axes,) = figure.axes
    train, test = axes.get_lines()
    np.testing.assert_array_equal(train.get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(test.get_ydata(), [4, np.nan, 2])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "loss", "log")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "test"]
    assert train.get_color() != test.get_color() and train.get_linestyle() != test.get_linestyle()


def test_functions_are_evaluated_where_they_are_drawn() -> None:
    (axes,) = draw.functions({"slope": ACTIVATIONS["sigmoid"].derivative}, low=-4, high=4).axes
    x, y = axes.get_lines()[0].get_data()
    np.testing.assert_array_equal(y, ACTIVATIONS["sigmoid"].derivative(np.asarray(x)))
    assert np.max(y) == 0.25


def test_windows_show_the_sign_of_the_conventions() -> None:
    left, right = draw.windows({"STE": lambda x: (np.abs(x) <= 1) * 1.0}).axes
    for drawn in left.get_lines()[:2]:
        x, y = drawn.get_data()
        np.testing.assert_array_equal(y, sign(np.asarray(x)))
    x, y = right.get_lines()[0].get_data()
    np.testing.assert_array_equal(y, np.abs(x) <= 1)


def test_bars_have_the_length_and_the_label_of_their_value() -> None:
    (axes,) = draw.bars({"a": 2.5, "b": 12345.0}, unit="ms").axes
    assert [patch.get_width() for patch in axes.patches] == [2.5, 12345.0]
    assert [text.get_text() for text in axes.texts] == ["2.5", "12,345"]
    assert axes.get_xlabel() == "ms"


def test_decision_draws_points_and_the_line_of_zeros() -> None:
    (axes,) = draw.decision(POINTS, LABELS, line).axes
    drawn = np.concatenate([np.asarray(points.get_xydata()) for points in axes.get_lines()])
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, POINTS))
    zeros = axes.collections[-1].get_paths()[0].vertices
    np.testing.assert_allclose(zeros[:, 0], 0.5, atol=1e-12)


def test_maps_and_confusion_show_their_arrays() -> None:
    shown = [axes.images[0].get_array() for axes in draw.maps(FILTERS).axes if axes.images]
    np.testing.assert_array_equal(np.stack(shown), FILTERS)
    (axes,) = draw.confusion(np.array([[3, 1], [0, 2]]), ["cat", "dog"]).axes
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "2", "3"]


def test_filters_before_and_after() -> None:
    scales = np.array([0.5, 1.0, 2.0])
    arrays = [axes.images[0].get_array() for axes in draw.binarized_filters(FILTERS, scales).axes if axes.images]
    np.testing.assert_array_equal(np.stack(arrays[:3]), FILTERS)
    np.testing.assert_array_equal(np.stack(arrays[3:]), sign(FILTERS) * scales[:, None, None])


def test_kmap_lies_over_its_picture() -> None:
    picture, k = RNG.random((6, 8)), RNG.random((3, 4))
    left, middle, right = draw.kmap_over(picture, k).axes[:3]
    for drawn in (middle.images[0], right.images[1]):
        np.testing.assert_array_equal(drawn.get_array(), k)
        assert tuple(drawn.get_extent()) == (-0.5, 7.5, 5.5, -0.5) == tuple(left.images[0].get_extent())


@pytest.mark.parametrize("count", [1, 8, 19, 64])
def test_a_packed_row_shows_the_bits_and_bytes_of_pack(count: int) -> None:
    signs = sign(RNG.standard_normal(count))
    texts = [text.get_text() for text in draw.packed_row(signs).axes[0].texts]
    packed = bits.pack(signs)
    assert [t for t in texts if t in ("0", "1")] == [str(b) for b in np.unpackbits(packed, bitorder="little")]
    assert [t for t in texts if t in ("+1", "-1")] == [f"{s:+d}" for s in signs]
    assert [t.split()[-1] for t in texts if t.startswith("byte")] == [f"0x{byte:02x}" for byte in packed]


REFUSED: dict[str, tuple[type[XnorkitError], Callable[[], object]]] = {
    "a line of another length": (ShapeError, lambda: draw.curves([1, 2], {"y": {"a": [1]}}, x_label="x")),
    "nothing to draw": (ShapeError, lambda: draw.curves([1, 2], {}, x_label="x")),
    "log of zero": (RangeError, lambda: draw.curves([1], {"y": {"a": [0]}}, x_label="x", log=True)),
    "an infinite value": (RangeError, lambda: draw.curves([1], {"y": {"a": [np.inf]}}, x_label="x")),
    "words for numbers": (RangeError, lambda: numbers("x", ["a"], "N")),
    "an empty interval": (RangeError, lambda: draw.functions({"f": np.sin}, low=1, high=1)),
    "no reach": (RangeError, lambda: draw.windows({"f": np.sin}, reach=0)),
    "no bars": (ShapeError, lambda: draw.bars({}, unit="s")),
    "log of a negative bar": (RangeError, lambda: draw.bars({"a": -1}, unit="s", log=True)),
    "groups of another length": (ShapeError, lambda: draw.bars({"a": 1}, unit="s", groups=["x", "y"])),
    "three classes in a plane": (RangeError, lambda: draw.decision(POINTS, np.arange(3), line)),
    "points in space": (ShapeError, lambda: draw.decision(np.zeros((3, 3)), LABELS, line)),
    "points that are NaN": (RangeError, lambda: draw.decision(POINTS * np.nan, LABELS, line)),
    "one flat map": (ShapeError, lambda: draw.maps(FILTERS[0])),
    "names of another length": (ShapeError, lambda: draw.maps(FILTERS, names=["a"])),
    "no columns": (RangeError, lambda: draw.maps(FILTERS, columns=0)),
    "negative counts": (RangeError, lambda: draw.confusion(-np.eye(2), ["a", "b"])),
    "counts that are not square": (ShapeError, lambda: draw.confusion(np.ones((2, 3)), ["a", "b"])),
    "scales of another length": (ShapeError, lambda: draw.binarized_filters(FILTERS, np.ones(2))),
    "four channels": (ShapeError, lambda: draw.kmap_over(np.ones((2, 2, 4)), np.ones((2, 2)))),
    "a negative K": (RangeError, lambda: draw.kmap_over(np.ones((2, 2)), -np.ones((2, 2)))),
    "too many signs": (ShapeError, lambda: draw.packed_row(np.ones(65, np.int8))),
    "signs as floats": (DTypeError, lambda: draw.packed_row(np.ones(8))),
    "a zero sign": (RangeError, lambda: draw.packed_row(np.zeros(8, np.int8))),
    "another form": (RangeError, lambda: draw.render(draw.bars({"a": 1}, unit="s"), "bmp")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_drawn_is_refused(what: str) -> None:
    error, call = REFUSED[what]
    with pytest.raises(error):
        call()


def test_diagnosis_draws_what_the_epochs_hold() -> None:
    depth, flips, lost = draw.diagnosis(EPOCHS, title="run").axes
    assert [line.get_label() for line in depth.get_lines()] == ["epoch 1", "epoch 2", "epoch 3"]
    np.testing.assert_allclose(depth.get_lines()[2].get_ydata(), [0.3, 1.0])
    assert [text.get_text() for text in depth.get_xticklabels()] == ["stem", "conv"]
    np.testing.assert_allclose(flips.get_lines()[0].get_xydata(), [[1, 0.1], [2, 0.05], [3, 0.1 / 3]])
    assert {line.get_label() for line in lost.get_lines()} == {"conv, no slope", "relu, dead"}


def test_diagnosis_without_binary_weights_shows_the_steps() -> None:
    epochs = [{"epoch": 1, "layers": [{"name": "a", "weighted": True, "gradient": 0.0, "update": 0.5}]}]
    depth, steps, lost = draw.diagnosis(epochs).axes
    assert np.isnan(depth.get_lines()[0].get_ydata()).all() and "step" in steps.get_ylabel()
    assert not lost.get_lines() and "nothing of the kind" in lost.texts[0].get_text()
    with pytest.raises(ShapeError, match="epochs"):
        draw.diagnosis([])
    with pytest.raises(ShapeError, match="layers"):
        draw.diagnosis([{"epoch": 1, "layers": []}])


def test_more_layers_than_colours_leave_the_lowest_out() -> None:
    layers = [{"name": str(i), "weighted": True, "gradient": 1.0, "flips": i / 100} for i in range(12)]
    _, flips, _ = draw.diagnosis([{"epoch": 1, "layers": layers}]).axes
    assert [line.get_label() for line in flips.get_lines()] == [str(i) for i in range(4, 12)]
