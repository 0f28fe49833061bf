"""Classifiers with scikit-learn's ``fit``, ``predict`` and ``score``, trained in NumPy, each also a packed file."""

from xnorkit.errors import MissingDependencyError

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingDependencyError("xnorkit.estimators", "a package is missing", got=error.name,
                                 hint='pip install "xnorkit[train]"') from error  # fmt: skip

from xnorkit.estimators.mlp import MLPClassifier
from xnorkit.estimators.perceptron import BinaryPerceptron, Perceptron

__all__ = ["BinaryPerceptron", "MLPClassifier", "Perceptron"]
