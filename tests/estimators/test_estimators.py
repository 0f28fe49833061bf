"""Scikit-learn's own checks, and files that predict what their classifier does."""

from __future__ import annotations

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


@pytest.mark.parametrize("estimator", ALL[:3], ids=["real", "binary", "bits"])
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
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["epoch 1/2", "epoch 2/2"]


BAD_FITS = [
    (np.full((4, 2), np.nan), [0, 1, 0, 1], "input: got Input X contains NaN"),
    (np.ones((4, 2)), [0, 1], "inconsistent numbers of samples"),
    (np.ones((4, 2)), [[0, 1]] * 4, "input: got y should be a 1d array"),
    (np.ones((4, 2)), [1, 1, 1, 1], "y: got 1 class"),
    (np.ones((4, 2)), [0.5, 1.5, 2.5, 3.5], "y: got Unknown label type"),
    (np.full((4, 2), 1e300), [0, 1, 0, 1], "expected values that float32 holds"),
    (np.ones(4), [0, 1, 0, 1], "Expected 2D array"),
]


@pytest.mark.parametrize("number", range(len(BAD_FITS)))
@pytest.mark.parametrize("estimator", ALL, ids=range(len(ALL)))
def test_bad_data_is_refused_by_name(estimator: Any, number: int) -> None:
    x, y, message = BAD_FITS[number]
    with pytest.raises(RangeError, match=rf"\[{type(estimator).__name__}\] .*{message}"):
        estimator.fit(x, y)


@pytest.mark.parametrize(("options", "message"), [
    ({"activation": "step"}, "activation: got step"), ({"learning_rate": 0.0}, "learning_rate: got 0.0"),
    ({"epochs": 0}, "epochs: got 0"), ({"batch_size": 0}, "batch: got 0"), ({"cost": "hinge"}, "cost: got hinge"),
    ({"scale": "big"}, "scale: got big"), ({"hidden_layer_sizes": (0,)}, r"sizes\[1\]: got 0"),
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
    with pytest.raises(RangeError, match="X has 3 features"):
        net.predict(x[:, :3])
    with pytest.raises(RangeError, match="validation"):
        MLPClassifier().fit(x, y, validation=(x, y[:3]))
