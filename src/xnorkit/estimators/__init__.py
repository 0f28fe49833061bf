"""Classifiers with scikit-learn's ``fit``, ``predict`` and ``score``, trained in NumPy, each also a packed file."""

from xnorkit.errors import MissingDependencyError

try:
    from sklearn.utils.validation import validate_data as _validate_data  # noqa: F401
except ImportError as error:
    raise MissingDependencyError("xnorkit.estimators", "scikit-learn", got=error, expected="version 1.6 or newer",
                                 hint='pip install "xnorkit[estimators]"') from error  # fmt: skip

from xnorkit.estimators.mlp import MLPClassifier
from xnorkit.estimators.perceptron import BinaryPerceptron, Perceptron

__all__ = ["BinaryPerceptron", "MLPClassifier", "Perceptron"]
