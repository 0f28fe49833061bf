"""Our layers: figures from one run, answers compared, peaks matched to kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xnorkit.bench import picture
from xnorkit.bench.layers import LAYER_TABLE, Layer, LayerRow, _binary, _end, measure
from xnorkit.bench.peak import peak_of, peaks, read_gigabytes
from xnorkit.bench.works import conv
from xnorkit.errors import BenchError
from xnorkit.graph.build import GraphBuilder
from xnorkit.runtime.cpu import isa, kernels

TINY = (_binary(conv(3, 64, 5)), _end("conv2d", 9, 3, 16, 3, 2), _end("qconv2d", 9, 3, 16, 3, 2),
        _end("dense", 1, 32, 10, 1, 1), _end("qdense", 1, 32, 10, 1, 1))  # fmt: skip


@pytest.mark.parametrize("layer", TINY, ids=lambda layer: layer.name)
def test_a_row_for_each_kernel_and_figures_that_agree(layer: Layer) -> None:
    rows = measure(layer, rounds=2)
    assert rows and len({row.kernel for row in rows}) == len(rows)
    for row in rows:
        assert row.layer == layer.name and row.min_ms <= row.median_ms
        assert row.gmacs == pytest.approx(row.multiply_adds / row.min_ms / 1e6)
        assert row.intensity == row.multiply_adds / row.bytes
        if row.share is not None and row.peak_gmacs is not None:
            assert row.share == pytest.approx(row.gmacs / row.peak_gmacs)


def test_threads_add_a_row_of_the_best_kernel() -> None:
    one, two = measure(TINY[0], rounds=1), measure(TINY[0], rounds=1, threads=2)
    assert [row.threads for row in two] == [1] * len(one) + [2]
    assert two[-1].kernel == two[0].kernel
    if two[-1].share is not None and two[-1].peak_gmacs is not None:
        assert two[-1].peak_gmacs == pytest.approx(2 * (two[0].peak_gmacs or 0))


def test_bytes_are_those_of_the_packed_layer() -> None:
    row = measure(TINY[0], rounds=1)[0]
    ends = 2 * 25 * 64 // 8
    weights = 64 * 9 * 64 // 8
    assert row.multiply_adds == 25 * 64 * 64 * 9
    assert row.bytes >= ends + weights


def test_a_kernel_that_answers_wrongly_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import xnorkit.bench.layers as layers

    real = layers.Session

    def lying(graph: object, **options: object) -> object:
        session = real(graph, **options)  # type: ignore[arg-type]
        return (lambda x: session(x) + np.int8(1)) if options.get("backend") == "reference" else session

    monkeypatch.setattr(layers, "Session", lying)
    with pytest.raises(BenchError, match="answer"):
        measure(TINY[0], rounds=1)


def test_every_layer_of_the_table_is_a_graph_of_its_name() -> None:
    for name, layer in LAYER_TABLE.items():
        assert layer.name == name
    graph, x = LAYER_TABLE["conv2d7x7_3x224_s2"].make(0)
    assert graph.nodes[-1].attrs["kernel"] == (7, 7) and x.shape == (1, 224, 224, 3)


def test_the_best_kernels_of_this_cpu_have_a_peak() -> None:
    if isa() not in ("avx2", "popcnt"):
        pytest.skip("no loop for this instruction set")
    best = {row["family"]: row["name"] for row in reversed(kernels()) if row["isa"] == isa()}
    found = peak_of(best["bgemm"])
    assert found is not None and found.isa == isa() and found.kind == "binary"


def test_peaks_are_positive_and_wider_is_faster() -> None:
    speeds = {peak.name: peak.gmacs(min(peak.seconds() for _ in range(5))) for peak in peaks()}
    assert all(speed > 0 for speed in speeds.values())
    if "peak_lookup_avx2" in speeds:
        assert speeds["peak_lookup_avx2"] > speeds["peak_popcount_popcnt"] > speeds["peak_popcount_scalar"]
    assert read_gigabytes(1 << 16, calls=2) > 0


def test_the_roofline_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [LayerRow("a", "k_avx2", "avx2", 1, 2.0, 1.0, 100.0, "peak", 200.0, 0.5, 10, 1000),
            LayerRow("b", "j_avx2", "avx2", 1, 2.0, 1.0, 5.0, "", None, None, 10, 50)]  # fmt: skip
    picture.roofline(rows, {"memory": 10.0}, str(tmp_path / "roof.svg"), "title")
    assert "<svg" in (tmp_path / "roof.svg").read_text()


def test_a_graph_with_two_layers_is_no_layer() -> None:
    def make(seed: int) -> tuple[object, np.ndarray]:
        b = GraphBuilder()
        x = b.add("relu", b.input("x", "f32", (1, 1, 4)))
        weight = np.ones((2, 4), np.float32)
        first = b.add("dense", x, out_features=2, tensors={"weight": weight})
        second = b.add("dense", first, out_features=2, tensors={"weight": weight[:, :2]})
        return b.graph([second]), np.zeros((1, 1, 1, 4), np.float32)

    with pytest.raises(BenchError, match="steps"):
        measure(Layer("two", make), rounds=1)  # type: ignore[arg-type]
