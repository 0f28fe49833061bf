"""How the file's streams are coded: fields of a fixed width, or Huffman codes. The net stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .base import Stage


@dataclass(frozen=True)
class Fields(Stage):
    """Indices and gaps as fields of a fixed width, which decode faster."""

    name: ClassVar[str] = "fields"
    doc: ClassVar[str] = "indices and gaps in the file as fields of a fixed width"
    coding: ClassVar[str] = "fields"


@dataclass(frozen=True)
class Huffman(Stage):
    """Indices and gaps as Huffman codes (Han et al. 2016, sec. 4)."""

    name: ClassVar[str] = "huffman"
    doc: ClassVar[str] = "indices and gaps in the file as Huffman codes (Huffman 1952; Han et al. 2016)"
    coding: ClassVar[str] = "huffman"
