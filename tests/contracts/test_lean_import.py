"""``import xnorkit; xnorkit.load(file)``: no torch, and soon done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder

HEAVY = ("torch", "accelerate", "sklearn", "scipy", "matplotlib", "rich", "PIL", "click")
SECONDS = 3.0
"""Generous for a loaded test machine; the wheel check holds an idle one to 0.3 s."""

CODE = f"""
import sys, time
start = time.perf_counter()
import xnorkit
net = xnorkit.load(sys.argv[1])
seconds = time.perf_counter() - start
import numpy
assert net(numpy.zeros((2, 1, 1, 16), numpy.float32)).shape[0] == 2
heavy = set({HEAVY!r}) & set(sys.modules)
assert not heavy, heavy
assert seconds < {SECONDS}, seconds
print(f"import and load: {{seconds:.3f}} s")
"""


def test_load_pulls_no_torch_and_is_quick(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    builder = GraphBuilder()
    x = builder.input("x", "f32", (1, 1, 16))
    bits = builder.add("sign", x)
    acc = builder.add("bdense", bits, out_features=4, tensors={"weight": rng.choice([-1, 1], (4, 16)).astype(np.int8)})
    path = tmp_path / "net.xnor.safetensors"
    store.save(builder.graph([acc]), path)
    done = subprocess.run([sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
