"""THE TABLE OF WHOLE NETS: which peers run the nets of ``nets.NETS``, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...runtime.cpu import isa
from ..case import Case
from ..works import Work
from . import ncnn_net, onnxruntime_net, openvino_net, torch_net, xnorkit_net
from .contract import Peer, Runner

Prepare = Callable[[Case, int], Runner]


def _by(runner: Callable[..., Runner], *args: Any, **options: Any) -> Prepare:
    return lambda case, threads: runner(case, threads, *args, **options)


WHOLE: dict[str, Prepare] = {
    f"xnorkit {isa()}": _by(xnorkit_net.NetRunner, isa()),
    f"xnorkit {isa()} int8 ends": _by(xnorkit_net.NetRunner, isa(), "int8"),
    "torch": _by(torch_net.NetRunner, channels_last=False),
    "torch channels-last": _by(torch_net.NetRunner, channels_last=True),
    "OpenVINO BinaryConvolution": _by(openvino_net.NetRunner, "binary"),
    "OpenVINO int8": _by(openvino_net.NetRunner, "int8"),
    "OpenVINO fp32": _by(openvino_net.NetRunner, "fp32"),
    "ONNX Runtime int8": _by(onnxruntime_net.NetRunner, "int8"),
    "ONNX Runtime fp32": _by(onnxruntime_net.NetRunner, "fp32"),
    "ncnn int8": _by(ncnn_net.NetRunner, "int8"),
    "ncnn fp32": _by(ncnn_net.NetRunner, "fp32"),
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
