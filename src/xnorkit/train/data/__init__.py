"""Pictures: readers of files and the table of datasets; NumPy and Pillow only, never torch."""

from xnorkit.train.data.arrays import Split, hold_out, stratified
from xnorkit.train.data.datasets import DATASETS, Dataset, load

__all__ = ["DATASETS", "Dataset", "Split", "hold_out", "load", "stratified"]
