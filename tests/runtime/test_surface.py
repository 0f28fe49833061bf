"""``import xnorkit``: light, and every public name is found where it lives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import xnorkit as xk
from xnorkit import errors

LIGHT = """
import sys, xnorkit
assert not {"numpy", "torch"} & set(sys.modules)
assert set(xnorkit.__all__) == set(dir(xnorkit))
import xnorkit.runtime.session
assert "torch" not in sys.modules
"""

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import xnorkit
try:
    xnorkit.create_model
except xnorkit.errors.MissingDependencyError as error:
    assert 'pip install "xnorkit[train]"' in str(error), error
else:
    raise AssertionError("create_model without torch")
assert callable(xnorkit.load)
"""

ROOMS_AND_VERBS = """
import xnorkit.train, xnorkit as xk
from xnorkit.train import recipe
assert callable(xk.train) and xk.train.recipe is recipe
try:
    xk.train("no such recipe")
except xk.errors.RecipeError:
    pass
"""


@pytest.mark.parametrize("code", [LIGHT, WITHOUT_TORCH, ROOMS_AND_VERBS])
def test_in_a_fresh_interpreter(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = xk.laod  # type: ignore[attr-defined]
    assert xk.errors is errors


@pytest.mark.parametrize("name", [n for n in xk.__all__ if n != "__version__"])
def test_every_public_name_resolves(name: str) -> None:
    pytest.importorskip("torch")
    assert getattr(xk, name) is not None
