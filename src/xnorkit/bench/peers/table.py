"""THE TABLE OF PEERS: every system the bench can race, installed or not; a file of this folder each."""

from __future__ import annotations

from . import bnn_lab_, litert_, ncnn_, onnxruntime_, openvino_, textbook, torch_, tvm_, xnorkit_, xnorkit_bwn
from .contract import Peer
from .whole import with_nets

PEERS: tuple[Peer, ...] = with_nets(
    (
        *xnorkit_.PEERS,
        *xnorkit_bwn.PEERS,
        *openvino_.PEERS,
        *ncnn_.PEERS,
        *onnxruntime_.PEERS,
        *litert_.PEERS,
        *tvm_.PEERS,
        *bnn_lab_.PEERS,
        *torch_.PEERS,
        *textbook.PEERS,
    )
)
"""In the order of the printed rows."""
