"""predict: files, folders, patterns, standard input; the pictures' kinds; the errors."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from xnorkit.cli.packed import class_names, softmax
from xnorkit.cli.pictures import collect, read
from xnorkit.errors import DataError, ShapeError

Run = Callable[..., Result]


def top(result: Result) -> dict[str, str]:
    """Picture file name -> best class."""
    assert result.exit_code == 0, result.output
    return {Path(e["picture"]).name: e["top"][0]["class"] for e in json.loads(result.stdout)["predictions"]}


def test_folder_finds_pictures_in_subfolders_and_resizes(xnorkit: Run, model: Path, pictures: Path) -> None:
    result = xnorkit("predict", model, pictures, "--json", "-")
    assert top(result) == {"dark.png": "dark", "light.jpg": "light"}
    sizes = [entry["resized_from"] for entry in json.loads(result.stdout)["predictions"]]
    assert sizes == [None, [20, 30]]


def test_pattern_and_file(xnorkit: Run, model: Path, pictures: Path) -> None:
    result = xnorkit("predict", model, pictures / "*.png", pictures / "deep/light.jpg", "--json", "-")
    assert top(result) == {"dark.png": "dark", "light.jpg": "light"}


def test_standard_input(xnorkit: Run, model: Path, pictures: Path) -> None:
    result = xnorkit("predict", model, "-", "--json", "-", input=(pictures / "dark.png").read_bytes())
    assert top(result) == {"standard input": "dark"}


def test_invert_swaps_dark_and_light(xnorkit: Run, model: Path, pictures: Path) -> None:
    assert top(xnorkit("predict", model, pictures / "dark.png", "--invert", "--json", "-")) == {"dark.png": "light"}


def test_both_backends_say_the_same(xnorkit: Run, model: Path, pictures: Path) -> None:
    engine, reference = (
        xnorkit("predict", model, pictures, "--backend", name, "--json", "-") for name in ("engine", "reference")
    )
    assert engine.exit_code == 0
    assert engine.stdout == reference.stdout


def test_lines_show_bars_and_shares_that_sum_to_one(xnorkit: Run, model: Path, pictures: Path) -> None:
    shown = xnorkit("predict", model, pictures / "dark.png").output
    assert "dark.png" in shown and "█" in shown
    shares = [float(line.split()[-2]) for line in shown.splitlines() if line.endswith("%")]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_json_goes_to_a_file(xnorkit: Run, model: Path, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert "dark.png" in xnorkit("predict", model, pictures, "--json", out).output
    assert len(json.loads(out.read_text())["predictions"]) == 2


def test_shipped_model_is_the_default(xnorkit: Run) -> None:
    from xnorkit import zoo

    result = xnorkit("predict", zoo.SAMPLES, "--json", "-")
    predictions = json.loads(result.stdout)["predictions"]
    right = sum(Path(e["picture"]).name.startswith(f"{e['top'][0]['index']}-") for e in predictions)
    assert len(predictions) == 10
    assert right >= 8


@pytest.mark.parametrize("arguments, says", [
    (("nowhere.png",), "no such picture"),
    (("nowhere/*.png",), "no such picture"),
    (("EMPTY",), "no pictures in this folder"),
    (("notes.txt",), "is not a picture"),
    (("cut.png",), "cannot be read"),
])  # fmt: skip
def test_bad_pictures(xnorkit: Run, model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch,
                      arguments: tuple[str, ...], says: str) -> None:  # fmt: skip
    monkeypatch.chdir(pictures)
    Path("EMPTY").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:2000])
    result = xnorkit("predict", model, *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: [picture]")
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_a_model_without_pictures_is_a_usage_error(xnorkit: Run, model: Path) -> None:
    result = xnorkit("predict", model)
    assert result.exit_code == 2
    assert "no pictures given" in result.stderr


def test_a_model_of_vectors_takes_no_pictures(pictures: Path) -> None:
    with pytest.raises(ShapeError, match="1x1x64"):
        read(str(pictures / "dark.png"), (1, 1, 64))


@pytest.mark.parametrize("mode, value, expected", [
    ("L", 77, 77), ("I;16", 77 * 256, 77), ("I", 77 * 256, 77), ("RGBA", (0, 0, 0, 0), 255), ("LA", (9, 255), 9),
    ("1", 1, 255), ("P", 0, 0),
])  # fmt: skip
def test_every_kind_of_picture_becomes_eight_bit_grey(tmp_path: Path, mode: str, value: int, expected: int) -> None:
    path = tmp_path / ("picture.tiff" if mode == "I" else "picture.png")
    Image.new(mode, (4, 4), value).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.all(read(str(path), (4, 4, 1)).pixels == expected)


def test_turned_pictures_are_set_upright(tmp_path: Path) -> None:
    image = Image.new("L", (4, 2))
    image.putpixel((0, 0), 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: row 0 is the right edge
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = read(str(tmp_path / "turned.png"), (4, 2, 1)).pixels
    assert pixels[0, 1, 0] == 255


def test_huge_pictures_are_refused_before_decoding(tmp_path: Path) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="too large"):
        read(str(tmp_path / "huge.png"), (8, 8, 1))


def test_colour_models_get_rgb(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (5, 5), 9).save(buffer, "PNG")
    (tmp_path / "grey.png").write_bytes(buffer.getvalue())
    assert read(str(tmp_path / "grey.png"), (5, 5, 3)).pixels.tolist() == [[[9, 9, 9]] * 5] * 5


def test_names_are_sorted_and_repeatable(pictures: Path) -> None:
    assert collect([str(pictures)]) == [str(pictures / "dark.png"), str(pictures / "deep" / "light.jpg")]


@pytest.mark.parametrize("text", ["", "[1, 2]", '["a"]', "{", '{"a": 1}'])
def test_class_names_fall_back_to_numbers(text: str) -> None:
    assert class_names(text, 2) == ("0", "1")


def test_softmax_of_large_scores_is_finite() -> None:
    assert softmax(np.array([[1e4, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]
