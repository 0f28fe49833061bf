"""Losses: of the labels (``labels.py``), and of a teacher, one file each; the law is ``reference.distillation``.

Start with ``table.py``. All are means over the pictures, differentiable in what the student computes.
"""

from .attention import attention, attention_map
from .distribution import distribution
from .hinton import hinton
from .labels import LOSSES, Loss, make, squared_hinge
from .logits import logits
from .table import DISTILLATIONS, Distillation

__all__ = [
    "DISTILLATIONS", "LOSSES", "Distillation", "Loss", "attention", "attention_map", "distribution", "hinton", "logits",
    "make", "squared_hinge",
]  # fmt: skip
