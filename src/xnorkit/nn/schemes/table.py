"""THE SCHEME TABLE: one row a way to binarize. Models, ``binarize``, ``compare``, tests, docs and lists read it.

>>> find_scheme("xnor[kmap=true, weight.gradient=paper]").weight.gradient
'paper'
"""

from __future__ import annotations

import json
from typing import Any

from ...errors import RangeError
from .adabin import ADABIN
from .base import Scheme
from .binaryconnect import BINARYCONNECT
from .bireal import BI_REAL
from .bnn import BNN, BNN_SHIFT
from .bnn_plus import BNN_PLUS
from .bop import BOP
from .bwn import BWN
from .dorefa import DOREFA
from .fp32 import FP32
from .irnet import IR_NET
from .qnn import QNN
from .reactnet import REACTNET
from .real_to_binary import REAL_TO_BINARY
from .ttq import TTQ
from .twn import TWN
from .xnor import XNOR
from .xnorpp import XNOR_PLUS_PLUS

_ROWS = (
    FP32, BINARYCONNECT, BNN, BNN_SHIFT, BOP, QNN, BWN, XNOR, DOREFA, TWN, TTQ,
    BNN_PLUS, BI_REAL, XNOR_PLUS_PLUS, IR_NET, REAL_TO_BINARY, REACTNET, ADABIN,
)  # fmt: skip

SCHEMES: dict[str, Scheme] = {row.name: row for row in _ROWS}


def find_scheme(spec: str | Scheme) -> Scheme:
    """A row by name, with other options in brackets: ``name[option=value, ...]``; a Scheme as it is.

    Options are those of ``Scheme.variant``; values read as JSON where they can be, else as text. Raises RangeError.
    """
    if isinstance(spec, Scheme):
        return spec
    name, _, rest = spec.partition("[")
    if name not in SCHEMES:
        raise RangeError("scheme", "name", got=spec, expected=f"one of {sorted(SCHEMES)}, or name[option=value]")
    if not rest and "[" not in spec:
        return SCHEMES[name]
    if not rest.endswith("]"):
        raise RangeError("scheme", "options", got=spec, expected="name[option=value, ...]")
    parts = [part.partition("=") for part in rest[:-1].split(",") if part.strip()]
    for key, equals, _ in parts:
        if not equals:
            raise RangeError("scheme", "options", got=key.strip(), expected="option=value")
    return SCHEMES[name].variant({key.strip(): _value(text.strip()) for key, _, text in parts})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
