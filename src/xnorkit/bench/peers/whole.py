"""THE TABLE OF WHOLE NETS: which peers run the nets of ``nets.NETS``, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from ...runtime.cpu import isa
from ..case import Case
from ..works import Work
from . import ncnn_net, onnxruntime_net, openvino_net, torch_net, xnorkit_net
from .contract import Peer, Runner

Prepare = Callable[[Case, int], Runner]


WHOLE: dict[str, Prepare] = {
    f"xnorkit {isa()}": partial(xnorkit_net.NetRunner, level=isa()),
    f"xnorkit {isa()} int8 ends": partial(xnorkit_net.NetRunner, level=isa(), stem="int8"),
    "torch": partial(torch_net.NetRunner, channels_last=False),
    "torch channels-last": partial(torch_net.NetRunner, channels_last=True),
    "OpenVINO BinaryConvolution": partial(openvino_net.NetRunner, arithmetic="binary"),
    "OpenVINO int8": partial(openvino_net.NetRunner, arithmetic="int8"),
    "OpenVINO fp32": partial(openvino_net.NetRunner, arithmetic="fp32"),
    "ONNX Runtime int8": partial(onnxruntime_net.NetRunner, arithmetic="int8"),
    "ONNX Runtime fp32": partial(onnxruntime_net.NetRunner, arithmetic="fp32"),
    "ncnn int8": partial(ncnn_net.NetRunner, arithmetic="int8"),
    "ncnn fp32": partial(ncnn_net.NetRunner, arithmetic="fp32"),
}
"""System -> what prepares its runner of a net."""


def with_nets(peers: Iterable[Peer]) -> tuple[Peer, ...]:
    """The peers of layers, those of ``WHOLE`` taught to run nets, too."""
    return tuple(_taught(peer, WHOLE[peer.system]) if peer.system in WHOLE else peer for peer in peers)


def _taught(peer: Peer, prepare_net: Prepare) -> Peer:
    def works(work: Work) -> bool:
        return work.kind == "net" or peer.works(work)

    def prepare(case: Case, threads: int) -> Runner:
        return (prepare_net if case.work.kind == "net" else peer.prepare)(case, threads)

    return replace(peer, works=works, prepare=prepare)
