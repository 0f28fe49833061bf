"""A small packed classifier, pictures to classify, and a runner of verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from xnorkit.cli.main import main
from xnorkit.graph import store
from xnorkit.graph.build import GraphBuilder
from xnorkit.graph.ir import Graph

CLASSES = ("dark", "light", "striped")
SHAPE = (8, 8, 1)


def brightness_graph(shape: tuple[int, int, int] = SHAPE) -> Graph:
    """Scores of three classes by mean brightness: "light" wins on a white picture, "dark" on a black one."""
    pixels = shape[0] * shape[1] * shape[2]
    weight = np.stack([np.full(pixels, w, np.int8) for w in (-1, 1, 0)])
    builder = GraphBuilder()
    x = builder.input("image", "u8", shape)
    flat = builder.add("flatten", x, name="flat")
    acc = builder.add("qdense", flat, name="score", source="fc", out_features=3, tensors={"weight": weight})
    scale = np.full(3, 8 / (255 * pixels), np.float32)
    bias = np.array([4, -4, -9], np.float32)
    out = builder.add("affine", acc, name="logits", tensors={"scale": scale, "bias": bias})
    return builder.graph([out], {"classes": json.dumps(CLASSES), "about": "brightness"})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A packed file that tells dark from light pictures."""
    path = tmp_path / "brightness.xnor.safetensors"
    store.save(brightness_graph(), path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder: dark.png (8x8 grey), deep/light.jpg (20x30 RGB), and a text file that is no picture."""
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    Image.new("L", (8, 8), 3).save(folder / "dark.png")
    Image.new("RGB", (20, 30), (250, 251, 252)).save(folder / "deep" / "light.jpg")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def xnorkit() -> Callable[..., Result]:
    """Runs ``xnorkit ARGUMENTS...`` in this process."""

    def run(*arguments: str | Path, **options: Any) -> Result:
        return CliRunner().invoke(main, [str(part) for part in arguments], **options)

    return run
