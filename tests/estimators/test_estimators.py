"""Scikit-learn's own checks, and files that predict what their classifier does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

import xnorkit as xk
from xnorkit.errors import DTypeError, RangeError, ShapeError
from xnorkit.estimators import BinaryPerceptron, MLPClassifier, Perceptron

ALL = [
    Perceptron(max_epochs=20),
    BinaryPerceptron(max_epochs=20),
    BinaryPerceptron(max_epochs=20, binary_inputs=True),
    MLPClassifier(epochs=20),
]


@parametrize_with_checks(ALL)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def _digits() -> tuple[np.ndarray, ...]:
    x, y = load_digits(return_X_y=True)
    return x[:1400], y[:1400], x[1400:], y[1400:]


FITTED = [
    (Perceptron(max_epochs=10, input_scale=1 / 16), 0.83),
    (BinaryPerceptron(max_epochs=10), 0.75),
    (BinaryPerceptron(max_epochs=10, binary_inputs=True), 0.70),
    (MLPClassifier(epochs=10, input_scale=1 / 16, random_state=0), 0.85),
    (MLPClassifier((24, 16), activation="relu", cost="cross_entropy", scale="he", learning_rate=0.1, epochs=10,
                   input_scale=1 / 16, random_state=0), 0.85),
    (MLPClassifier((), activation="tanh", cost="cross_entropy", learning_rate=0.3, epochs=10, input_scale=1 / 16,
                   random_state=0), 0.85),
]  # fmt: skip


@pytest.mark.parametrize(("estimator", "least"), FITTED, ids=[str(i) for i in range(len(FITTED))])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_file_predicts_what_the_classifier_does(estimator: Any, least: float, tmp_path: Path) -> None:
    x, y, held_x, held_y = _digits()
    estimator.fit(x, y)
    assert estimator.score(held_x, held_y) > least
    for picture in (None, (8, 8, 1)):
        path = tmp_path / "net.xnor.safetensors"
        assert estimator.export(path, picture) == path.stat().st_size
        given = held_x.astype(np.uint8 if picture else np.float32).reshape(-1, *(picture or (1, 1, 64)))
        for backend in ("engine", "reference"):
            answers = xk.load(path, backend=backend)(given).reshape(len(held_x), -1)
            assert (estimator.classes_[answers.argmax(1)] == estimator.predict(held_x)).all()
            np.testing.assert_allclose(answers, estimator.scores(held_x), rtol=1e-5, atol=1e-5)


RELU = MLPClassifier((9, 5), activation="relu", scale="he", learning_rate=0.1, epochs=3, random_state=0)


@pytest.mark.parametrize("estimator", [*ALL[:3], RELU], ids=["real", "binary", "bits", "relu"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_without_sigmoids_the_file_gives_the_same_bits(estimator: Any, tmp_path: Path) -> None:
    for seed in range(10):
        x, y = make_classification(60, 11, n_informative=6, n_classes=2 + seed % 3, random_state=seed)
        estimator.fit(x, y).export(tmp_path / "net.xnor.safetensors")
        answers = xk.load(tmp_path / "net.xnor.safetensors")(x.astype(np.float32)[:, None, None, :])
        np.testing.assert_array_equal(answers.reshape(60, -1), estimator.scores(x))


def test_binary_weights_are_bits_in_the_file(tmp_path: Path) -> None:
    x, y, *_ = _digits()
    net = BinaryPerceptron(max_epochs=2, binary_inputs=True).fit(x, y)
    net.export(tmp_path / "net.xnor.safetensors")
    graph = xk.graph.store.load(tmp_path / "net.xnor.safetensors")
    layer = next(node for node in graph.nodes if node.op == "bdense")
    assert graph.tensors[layer.tensors["weight"]].nbytes == 64 * 10 // 8
    assert set(np.unique(net.weights_)) == {-1, 1}


def test_two_classes_take_one_line_that_parts_them() -> None:
    x, y = load_iris(return_X_y=True)
    net = Perceptron().fit(x[:100], np.array(["setosa", "versicolor"])[y[:100]])
    assert net.weights_.shape == (1, 4) and net.fits_[0].converged
    assert net.score(x[:100], np.array(["setosa", "versicolor"])[y[:100]]) == 1.0
    assert net.decision_function(x[:100]).shape == (100,)


def test_xor_is_reported() -> None:
    x, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    with pytest.warns(ConvergenceWarning, match=r"not separated after 30 epochs: at least \d mistakes"):
        Perceptron(max_epochs=30).fit(x, y)
    net = MLPClassifier((4,), epochs=1500, batch_size=4, scale="unit", random_state=0).fit(x, y)
    assert net.predict(x).tolist() == y.tolist()


def test_the_same_seed_gives_the_same_net_and_curves() -> None:
    x, y, held_x, held_y = _digits()
    nets = [MLPClassifier(epochs=3, random_state=5, input_scale=1 / 16).fit(x, y, validation=(held_x, held_y))
            for _ in range(2)]  # fmt: skip
    assert nets[0].loss_curve_ == nets[1].loss_curve_ and len(nets[0].validation_curve_) == 3
    assert nets[0].validation_curve_[-1] == nets[0].score(held_x, held_y)
    assert nets[0].loss_curve_[-1] < nets[0].loss_curve_[0]


def test_verbose_prints_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    x, y, *_ = _digits()
    MLPClassifier(epochs=2, verbose=True, input_scale=1 / 16).fit(x[:100], y[:100])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    net = MLPClassifier(verbose=True, input_scale=1 / 16).partial_fit(x[:100], y[:100], classes=range(10))
    assert capsys.readouterr().err.startswith(f"epoch 1: cost {net.loss_curve_[0]:.5f}, accuracy ")
    net.set_params(verbose=False).partial_fit(x[:100], y[:100])
    assert capsys.readouterr() == ("", "")


BAD_FITS = [
    (RangeError, np.full((4, 2), np.nan), [0, 1, 0, 1], "input: got Input X contains NaN"),
    (ShapeError, np.ones((4, 2)), [0, 1], "inconsistent numbers of samples"),
    (ShapeError, np.ones((4, 2)), [[0, 1]] * 4, "input: got y should be a 1d array"),
    (RangeError, np.ones((4, 2)), [1, 1, 1, 1], "y: got 1 class"),
    (RangeError, np.ones((4, 2)), [0.5, 1.5, 2.5, 3.5], "y: got Unknown label type"),
    (RangeError, np.full((4, 2), 1e300), [0, 1, 0, 1], "expected values that float32 holds"),
    (RangeError, np.full((4, 2), 1e-300), [0, 1, 0, 1], "got 0 everywhere, expected values that float32 holds"),
    (ShapeError, np.ones(4), [0, 1, 0, 1], "Expected 2D array"),
    (ShapeError, [[1.0, 2.0], [1.0]], [0, 1], "input: got"),
]


@pytest.mark.parametrize("number", range(len(BAD_FITS)))
@pytest.mark.parametrize("estimator", ALL, ids=range(len(ALL)))
def test_bad_data_is_refused_by_name(estimator: Any, number: int) -> None:
    error, x, y, message = BAD_FITS[number]
    with pytest.raises(error, match=rf"\[{type(estimator).__name__}\] .*{message}"):
        estimator.fit(x, y)


@pytest.mark.parametrize("options", [
    {"epochs": 2.5}, {"batch_size": 2.5}, {"hidden_layer_sizes": (3.5,)}, {"learning_rate": "1"},
])  # fmt: skip
def test_settings_of_another_type_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DTypeError, match=next(iter(options))):
        MLPClassifier(**{"epochs": 2, **options}).fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize(("options", "message"), [
    ({"activation": "step"}, "activation: got step"), ({"learning_rate": 0.0}, "learning_rate: got 0.0"),
    ({"epochs": 0}, "epochs: got 0"), ({"batch_size": 0}, "batch_size: got 0"), ({"cost": "hinge"}, "cost: got hinge"),
    ({"scale": "big"}, "scale: got big"), ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes\[0\]: got 0"),
    ({"random_state": "a"}, "random_state: got"), ({"input_scale": 1e300}, "input_scale: got"),
    ({"input_scale": np.nan}, "input_scale: got nan"),
    ({"activation": "relu", "learning_rate": 1e200}, "hint: lower learning_rate"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_settings_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    x, y, *_ = _digits()
    with pytest.raises(RangeError, match=message):
        MLPClassifier(**{"epochs": 2, **options}).fit(x[:50], y[:50])


def test_other_misuse(tmp_path: Path) -> None:
    x, y, *_ = _digits()
    net = BinaryPerceptron(max_epochs=1)
    with pytest.raises(NotFittedError):
        net.export(tmp_path / "net.xnor.safetensors")
    with pytest.raises(DTypeError):
        net.fit([[{}, {}], [{}, {}]], [0, 1])
    net.fit(x, y)
    with pytest.raises(ShapeError, match=r"picture: got \(8, 9, 1\), expected H \* W \* C = 64"):
        net.export(tmp_path / "net.xnor.safetensors", (8, 9, 1))
    with pytest.raises(ShapeError, match="X has 3 features"):
        net.predict(x[:, :3])
    with pytest.raises(ShapeError, match=r"validation labels: got \(3,\), expected \(1400,\)"):
        MLPClassifier().fit(x, y, validation=(x, y[:3]))
    with pytest.raises(RangeError, match="NaN"):
        MLPClassifier().fit(x, y, validation=(x * np.nan, y))


def _line(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).standard_normal((60, 4))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int)


@pytest.mark.parametrize("binary_inputs", [False, True])
def test_a_constant_feature_drowns_no_other(binary_inputs: bool) -> None:
    """The deviation of a constant 0.1 is rounding noise, 1e-16: the feature divided by it would outweigh all others."""
    column, alone, beside = np.full((60, 1), 0.1), [], []
    for seed in range(12):
        (x, y), (held, held_y) = _line(seed), _line(seed + 100)
        net = BinaryPerceptron(binary_inputs=binary_inputs)
        alone.append(net.fit(x, y).score(held, held_y))
        beside.append(net.fit(np.hstack([x, column]), y).score(np.hstack([held, column]), held_y))
        assert net.deviation_[-1] == 1.0
    assert np.mean(beside) > np.mean(alone) - 0.05 > 0.6


@pytest.mark.parametrize("binary_inputs", [False, True])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_predict_makes_the_errors_that_learning_counted(shift: float, binary_inputs: bool) -> None:
    """Learning sees the file's float32 features, so that the line it keeps is the line that answers."""
    for seed in range(20):
        x, y = _line(seed)
        net = BinaryPerceptron(binary_inputs=binary_inputs).fit(x + shift, y)
        assert (net.predict(x + shift) != y).sum() == min(net.fits_[0].errors)


def test_a_line_that_converged_predicts_every_label() -> None:
    converged = 0
    for seed in range(20):
        x, y = _line(seed)
        net = Perceptron(max_epochs=1000).fit(x, y)
        converged += net.fits_[0].converged
        assert net.score(x, y) == 1.0 or not net.fits_[0].converged
    assert converged >= 15


@pytest.mark.parametrize("rate", [1e39, 1e-60])
def test_weights_that_float32_cannot_hold_are_refused(rate: float) -> None:
    with pytest.raises(RangeError, match=r"largest weight: got .*, expected numbers that float32 holds"):
        Perceptron(rate=rate).fit(*_line())


def test_probabilities_rank_as_scores_do() -> None:
    x, y, held_x, _ = _digits()
    net = MLPClassifier(epochs=3, input_scale=1 / 16, random_state=0).fit(x, y)
    probabilities, z = net.predict_proba(held_x), net.scores(held_x).astype(np.float64)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (net.classes_[probabilities.argmax(axis=1)] == net.predict(held_x)).all()
    a = 1 / (1 + np.exp(-z))
    alone = np.stack([a[:, k] * np.delete(1 - a, k, axis=1).prod(axis=1) for k in range(10)], axis=1)
    np.testing.assert_allclose(probabilities, alone / alone.sum(axis=1, keepdims=True), rtol=1e-9)


def test_calls_of_partial_fit_are_the_epochs_of_fit() -> None:
    x, y, *_ = _digits()
    whole = MLPClassifier(epochs=3, input_scale=1 / 16, random_state=0).fit(x, y)
    parts = MLPClassifier(input_scale=1 / 16, random_state=0)
    for _ in range(3):
        parts.partial_fit(x, y, classes=np.unique(y))
    assert parts.loss_curve_ == whole.loss_curve_
    for one, other in zip(whole.net_.weights, parts.net_.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_partial_fit_wants_the_classes_first() -> None:
    net = MLPClassifier((3,), random_state=0)
    with pytest.raises(RangeError, match="classes: got none"):
        net.partial_fit(np.eye(2), [0, 1])
    net.partial_fit(np.eye(2), [0, 0], classes=[2, 1, 0])
    assert net.classes_.tolist() == [0, 1, 2] and net.scores(np.eye(2)).shape == (2, 3)
    with pytest.raises(RangeError, match="y: got 7, expected one of classes"):
        net.partial_fit(np.eye(2), [0, 7])
    with pytest.raises(RangeError, match="the same in every call"):
        net.partial_fit(np.eye(2), [0, 1], classes=[0, 1])
    with pytest.raises(ShapeError):
        net.partial_fit(np.eye(3), [0, 1, 2])


def _fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_room_pulls_no_torch() -> None:
    assert _fresh("import sys, xnorkit.estimators; print('torch' in sys.modules)") == "False\n"


def test_without_scikit_learn_the_error_says_what_to_install() -> None:
    said = _fresh("""
import sys
sys.modules["sklearn"] = None
try:
    import xnorkit.estimators
except ImportError as error:
    print(type(error).__name__, error)
""")
    assert said.startswith("MissingDependencyError [xnorkit.estimators] scikit-learn: got ")
    assert said.endswith('hint: pip install "xnorkit[estimators]"\n')
