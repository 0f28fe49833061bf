"""Pictures: NumPy in, a matplotlib figure out; needs ``pip install "xnorkit[train]"``.

>>> from xnorkit import draw
>>> picture = draw.curves([1, 2, 3], {"loss": {"train": [2.3, 1.1, 0.6]}}, x_label="epoch")
>>> draw.render(picture)[:4]
b'\\x89PNG'
"""

from .binary import binarized_filters, kmap_over, packed_row
from .canvas import COLOURS, Picture, panels, render
from .comparison import comparison
from .curves import bars, curves, functions, windows
from .diagnosis import diagnosis, gradients
from .grids import confusion, maps
from .planes import decision
from .shrinking import shrinking

__all__ = [
    "COLOURS", "Picture", "bars", "binarized_filters", "comparison", "confusion", "curves", "decision", "diagnosis",
    "functions", "gradients", "kmap_over", "maps", "packed_row", "panels", "render", "shrinking",
    "windows",
]  # fmt: skip
