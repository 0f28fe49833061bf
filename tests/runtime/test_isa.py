"""Choosing an instruction set: an override only lowers, and says so when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from runtime_nets import convnet, pictures

from xnorkit import errors
from xnorkit.runtime import cpu
from xnorkit.runtime.engine_backend import ISA_VARIABLE
from xnorkit.runtime.session import Session

NET = convnet()
IMAGES = pictures(3)


def usable() -> list[str]:
    return cpu.levels()[: cpu.levels().index(cpu.isa()) + 1]


@pytest.mark.parametrize("level", cpu.levels())
def test_each_level(level: str) -> None:
    if level not in usable():
        with pytest.raises(errors.UnsupportedError, match=f"got {level}"):
            Session(NET, isa=level)
        return
    session = Session(NET, isa=level)
    assert session.program.isa == level
    lower = cpu.levels()[: cpu.levels().index(level) + 1]
    allowed = {row["name"] for row in cpu.kernels() if row["isa"] in lower}
    used = {name for step in session.program.steps for name in step["kernel"].split(" + ")}
    assert used <= allowed | {"flatten_copy_scalar", "flatten_b1_scalar"}
    np.testing.assert_array_equal(session(IMAGES), Session(NET, backend="reference")(IMAGES))


def test_the_variable_lowers_and_the_argument_is_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ISA_VARIABLE, "scalar")
    assert Session(NET).program.isa == "scalar"
    assert Session(NET, isa=usable()[-1]).program.isa == usable()[-1]
    monkeypatch.setenv(ISA_VARIABLE, "")
    assert Session(NET).program.isa == cpu.isa()


@pytest.mark.parametrize("wrong", ["avx1024", "AVX2", "best"])
def test_unknown_names_are_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    with pytest.raises(errors.RangeError, match=f"got {wrong}, expected scalar"):
        Session(NET, isa=wrong)
    monkeypatch.setenv(ISA_VARIABLE, wrong)
    with pytest.raises(errors.RangeError, match=f"got {wrong}, expected scalar"):
        Session(NET)
    with pytest.raises(errors.RangeError):
        cpu.checked_isa(wrong)
    assert cpu.checked_isa("") == cpu.isa()
