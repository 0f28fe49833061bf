"""Whole graphs and trained nets as ONNX models, run by stock ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from random_graphs import random_graph
from test_random_graphs import inputs_of

import xnorkit
from xnorkit import zoo
from xnorkit.errors import MissingDependencyError, SaveError
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.infer import infer
from xnorkit.graph.ir import Graph
from xnorkit.graph.passes.chain import tensors_by_meaning
from xnorkit.graph.store import load
from xnorkit.interop import functions
from xnorkit.interop.onnx_model import save_onnx, to_onnx
from xnorkit.reference.ops import OPS
from xnorkit.runtime.session import Session

Array = np.ndarray[Any, Any]


def session(model: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def small_graph() -> Graph:
    b = GraphBuilder()
    s = b.add("sign", b.input("x", "f32", (1, 1, 11)), source="features.act")
    y = b.add("bdense", s, out_features=3, tensors={"weight": np.tile(np.int8([1, -1, 1]), (11, 1)).T.copy()})
    return b.graph([y], {"classes": '["a", "b", "c"]'})


@pytest.mark.parametrize("name", list(zoo.MODELS))
def test_a_model_of_the_zoo_gives_the_engines_scores(name: str, tmp_path: Path) -> None:
    graph = load(zoo.path(name))
    size = save_onnx(graph, path := tmp_path / "net.onnx")
    (source,) = (node for node in graph.nodes if node.op == "input")
    pictures = np.random.default_rng(0).integers(0, 256, (50, *source.attrs["shape"])).astype(np.uint8)
    (got,), expected = session(path).run(None, {source.name: pictures}), Session(graph)(pictures)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
    assert (got.argmax(1) == expected.argmax(1)).all()
    assert size < zoo.path(name).stat().st_size + 40_000  # the bits stay bits


@pytest.mark.parametrize("method", ["fp32", "xnor", "bnn", "xnor[kmap=true]", "bi-real"])
def test_a_trained_net_gives_torchs_scores(method: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    model = xnorkit.create_model("vgg_small", method, input_size=16, stages=[[16], [16, 16]])
    pixels = np.random.default_rng(1).integers(0, 256, (7, 16, 16, 1)).astype(np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    for _ in range(3):
        model.train()(x)
    report = xnorkit.export(model.eval(), x[:1], path := tmp_path / "net.onnx", input_dtype="u8")
    assert report.file_bytes == path.stat().st_size
    run = session(path)
    for count in (1, 2, 7):
        (got,) = run.run(None, {run.get_inputs()[0].name: pixels[:count]})
        with torch.no_grad():
            np.testing.assert_allclose(got, model(x[:count]).numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_obey_the_law_at_every_value(seed: int) -> None:
    """Each value is compared with the op table's function of ONNX Runtime's own inputs: no error adds up."""
    made = random_graph(Random(seed), steps=12)
    computed = [node for node in made.nodes if node.op != "input"]
    graph = replace(made, outputs=tuple(node.name for node in computed))
    full, types = inputs_of(graph, 3, seed), infer(graph)
    got = session(to_onnx(graph)).run(None, full)
    full |= {name: value.reshape(3, *types[name].shape) for name, value in zip(graph.outputs, got, strict=True)}
    for node in computed:
        row, inputs = OPS[node.op], [full[name] for name in node.inputs]
        with np.errstate(all="ignore"):
            law = row.run(inputs, row.complete(node.attrs), tensors_by_meaning(graph, node, types))
        if law.dtype == np.float32:
            size = max([1.0, *(float(np.abs(v.astype("f8")).max()) for v in (law, *inputs))])
            np.testing.assert_allclose(full[node.name], law, rtol=0, atol=2e-6 * size, err_msg=str(node))
        else:
            np.testing.assert_array_equal(full[node.name], law, err_msg=str(node))


def test_a_model_tells_what_it_is_and_nothing_of_the_machine() -> None:
    model = to_onnx(small_graph())
    sign, dense, _ = model.graph.node
    assert (sign.domain, sign.op_type, sign.name, sign.doc_string) == ("org.xnorkit", "Sign", "sign_1", "features.act")
    assert {p.key: p.value for p in model.metadata_props} == {"classes": '["a", "b", "c"]'}
    assert [f.name for f in model.functions] == ["Sign", "Signs", "Bdense"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    assert len(model.graph.initializer[0].raw_data) == 5  # 33 bits
    text = model.SerializeToString()
    assert b"/" not in text and text == to_onnx(small_graph()).SerializeToString()
    assert dense.input[1] in {t.name for t in model.graph.initializer}


def test_without_onnx_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    functions.functions.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"xnorkit\[onnx\]"):
        to_onnx(small_graph())


def test_an_older_file_survives_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SaveError):
        save_onnx(small_graph(), tmp_path / "nowhere" / "net.onnx")
    (old := tmp_path / "net.onnx").write_bytes(b"old")
    damaged = small_graph()
    damaged.tensors.clear()  # type: ignore[attr-defined]
    with pytest.raises(xnorkit.errors.GraphError):
        save_onnx(damaged, old)
    assert old.read_bytes() == b"old"
