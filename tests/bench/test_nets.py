"""Whole nets: the table's arithmetic, our packed nets against the NumPy reference, every peer against its form."""

from __future__ import annotations

import numpy as np
import pytest

from xnorkit.bench.case import Case
from xnorkit.bench.net_graph import build_graph
from xnorkit.bench.nets import CLASSES, IMAGE, NETS, Net
from xnorkit.bench.parameters import parameters
from xnorkit.bench.peers.contract import Peer
from xnorkit.bench.peers.table import PEERS
from xnorkit.bench.peers.whole import WHOLE
from xnorkit.bench.works import WORKS, whole
from xnorkit.errors import BenchError, RangeError
from xnorkit.runtime.session import Session

SIZE = 64
RUNNING = [peer for peer in PEERS if peer.installed and peer.works(WORKS["net_resnet18_xnor_224"])]
MULTIPLY_ADDS = {  # of the float forms, as published: ResNet-18 1.8 G, VGG-16 15.5 G; AlexNet without groups 1.1 G
    "net_alexnet_xnor_224": 1_135_256_096,
    "net_resnet18_xnor_224": 1_814_073_344,
    "net_vgg16_xnor_224": 15_470_264_320,
}


@pytest.fixture(scope="module", params=NETS.values(), ids=lambda net: net.name)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(whole(request.param, SIZE), seed=5)


@pytest.fixture(scope="module")
def resnet() -> Case:
    return Case(whole(NETS["net_resnet18_xnor_224"], SIZE), seed=5)


@pytest.mark.parametrize("net", NETS.values(), ids=lambda net: net.name)
def test_the_table_is_whole(net: Net) -> None:
    assert net.multiply_adds("float") == MULTIPLY_ADDS[net.name]
    for layers in (net.binary, net.float):
        weighted = [layer for layer in layers if layer.op in ("conv", "dense")]
        assert weighted[0].inputs == (IMAGE,) and weighted[-1].channels == CLASSES
        assert not weighted[0].binary and not weighted[-1].binary
    products = {"net_alexnet_xnor_224": (6, 2), "net_resnet18_xnor_224": (16, 5), "net_vgg16_xnor_224": (14, 2)}
    binary = [layer.binary for layer in net.binary if layer.op in ("conv", "dense")]
    assert (sum(binary), len(binary) - sum(binary)) == products[net.name]
    assert not any(layer.binary for layer in net.float)
    assert WORKS[net.name].multiply_adds == net.multiply_adds("binary")


@pytest.mark.parametrize("stem", ["f32", "int8"])
def test_packed_nets_have_the_bits_of_the_numpy_reference(case: Case, stem: str) -> None:
    graph = build_graph(case.net, case.seed, stem, SIZE)  # type: ignore[arg-type]
    x = case.picture if stem == "f32" else case.pixels
    expected = case.binary_answer[:, 0, 0]
    for fuse in (True, False):
        assert Session(graph, fuse=fuse)(x).tobytes() == expected.tobytes()
    assert len(np.unique(expected)) > CLASSES // 2


def test_every_sum_before_the_last_sign_is_exact_in_float32(case: Case) -> None:
    graph = build_graph(case.net, case.seed, size=SIZE)
    floats = [n.name for n in graph.nodes if n.op in ("conv2d", "add", "avg_pool2d", "affine")]
    found = Session(graph, taps=floats)(case.picture)
    for name in floats:
        step = 2.0**-20  # every value a small multiple of it: no rounding, whatever the order of additions
        whole_steps = found[name].astype(np.float64) / step
        assert (whole_steps == np.rint(whole_steps)).all() and np.abs(whole_steps).max() < 2**27, name


def test_signs_are_mixed_in_every_layer(case: Case) -> None:
    graph = build_graph(case.net, case.seed, size=SIZE)
    types = Session(graph)
    signs = [n.name for n in graph.nodes if n.op in ("sign", "threshold")]
    found = Session(graph, taps=signs)(case.picture)
    assert types.graph is graph
    assert all(-0.9 < found[name].mean() < 0.9 for name in signs)


def test_peak_memory_is_that_of_the_largest_live_values(case: Case) -> None:
    program = Session(build_graph(case.net, case.seed, size=128)).program
    assert program.arena_bytes <= 1.1 * program.live_bytes


@pytest.mark.parametrize("peer", RUNNING, ids=lambda peer: peer.system)
def test_an_installed_peer_runs_a_net_rightly(peer: Peer, resnet: Case) -> None:
    runner = peer.prepare(resnet, 1)
    runner.check(resnet)
    assert runner.answer().shape == (1, 1, 1, CLASSES)
    with pytest.raises(BenchError):
        runner.check(Case(resnet.work, seed=6))


@pytest.mark.parametrize("peer", RUNNING, ids=lambda peer: peer.system)
def test_flattened_pictures_keep_their_order_in_every_peer(peer: Peer) -> None:
    case = Case(whole(NETS["net_alexnet_xnor_224"], 128), seed=7)  # 2 x 2 pixels of 256 channels before fc6
    peer.prepare(case, 1).check(case)


def test_every_whole_net_belongs_to_a_peer() -> None:
    assert set(WHOLE) <= {peer.system for peer in PEERS}


def test_weights_are_those_of_the_seed_and_the_layer() -> None:
    net = NETS["net_resnet18_xnor_224"]
    shapes = net.shapes("binary")
    convs = [layer for layer in net.binary if layer.binary][1:3]
    a, b = (parameters(net, "binary", layer, shapes, 1)["weight"] for layer in convs)
    assert a.shape == b.shape and (a != b).any()
    assert (parameters(net, "binary", convs[0], shapes, 1)["weight"] == a).all()
    assert (parameters(net, "binary", convs[0], shapes, 2)["weight"] != a).any()


def test_another_stem_is_refused() -> None:
    with pytest.raises(RangeError, match="expected f32 or int8"):
        build_graph(NETS["net_resnet18_xnor_224"], 1, "int4")  # type: ignore[arg-type]
