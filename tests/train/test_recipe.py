"""Recipes: round trips, refusals, overrides, the shipped files."""

from __future__ import annotations

from pathlib import Path

import pytest

from xnorkit.errors import RecipeError
from xnorkit.train import load_checkpoint, run
from xnorkit.train.config import describe, differences, to_plain
from xnorkit.train.recipe import Recipe, dump, find, load, override, parse, shipped


def refused(values: dict[str, object]) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(values)
    return str(caught.value)


def test_yaml_round_trip_keeps_every_key(tmp_path: Path) -> None:
    changes = ["train.epochs=3", "optim.betas=[0.8, 0.99]", "data.root=/x", "model.options={width: 2}"]
    recipe = override(Recipe(), changes)
    (tmp_path / "r.yaml").write_text(dump(recipe))
    assert load(tmp_path / "r.yaml") == recipe
    assert recipe.optim.betas == (0.8, 0.99) and recipe.model.options == {"width": 2}


def test_recipe_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Recipe().seed = 3  # type: ignore[misc]


def test_unknown_key_names_the_near_ones() -> None:
    text = refused({"train": {"epoch": 3}})
    assert "[train.epoch] unknown key" in text and "did you mean epochs?" in text
    assert "did you mean schedule" in refused({"shedule": {}})


@pytest.mark.parametrize(
    ("values", "where", "why"),
    [
        ({"train": {"epochs": 0}}, "train.epochs", "at least 1"),
        ({"train": {"epochs": 2.5}}, "train.epochs", "an integer"),
        ({"train": {"epochs": True}}, "train.epochs", "an integer"),
        ({"train": {"clip_latent": 1}}, "train.clip_latent", "true or false"),
        ({"train": [1]}, "train", "a mapping"),
        ({"optim": {"lr": "fast"}}, "optim.lr", "a number"),
        ({"optim": {"lr": float("nan")}}, "optim.lr", "a number"),
        ({"optim": {"lr": 0}}, "optim.lr", "more than 0"),
        ({"optim": {"name": "adma"}}, "optim.name", "did you mean adam?"),
        ({"optim": {"betas": [0.9]}}, "optim.betas", "two numbers"),
        ({"optim": {"binary": {"name": "bop"}}}, "optim.binary.lr", "a number above 0, at most 1"),
        ({"optim": {"binary": {"name": "bop", "lr": 2}}}, "optim.binary.lr", "at most 1"),
        ({"optim": {"binary": {"lr": 0.1}}}, "optim.binary.lr", "null, or a name beside it"),
        ({"optim": {"lr_scale": "glorot", "binary": {"name": "bop2", "lr": 1e-4}}}, "optim.lr_scale", "expected none"),
        ({"optim": {"name": "shift_adamax", "weight_decay": 0.1}}, "optim.weight_decay", "expected 0"),
        ({"schedule": {"name": "exponential"}}, "schedule.floor", "above 0"),
        ({"optim": {"momentum": 0, "nesterov": True}}, "optim.nesterov", "momentum above 0"),
        ({"schedule": {"name": "step"}}, "schedule.milestones", "at least one"),
        ({"schedule": {"milestones": [3, 2]}}, "schedule.milestones", "rising"),
        ({"schedule": {"warmup": 12}}, "schedule.warmup", "less than train.epochs = 12"),
        ({"data": {"size": [32]}}, "data.size", "[height, width]"),
        ({"train": {"loss": "squared_hinge", "label_smoothing": 0.1}}, "train.label_smoothing", "cross_entropy"),
        ({"seed": -1}, "seed", "at least 0"),
    ],
)
def test_nonsense_is_refused_with_the_dotted_key(values: dict[str, object], where: str, why: str) -> None:
    text = refused(values)
    assert text.startswith(f"[{where}]") and why in text


def test_numbers_yaml_reads_as_text() -> None:
    assert override(Recipe(), ["optim.lr=1e-3"]).optim.lr == 1e-3  # YAML 1.1: 1e-3 is text
    assert parse({"optim": {"lr": 1}}).optim.lr == 1.0


@pytest.mark.parametrize("text", ["train.epochs", "=3", "train.epochs=[", "train.epochs.deep=1", "nothing.here=1"])
def test_bad_overrides(text: str) -> None:
    with pytest.raises(RecipeError):
        override(Recipe(), [text])


def test_find_by_name_by_path_and_the_near_name(tmp_path: Path) -> None:
    name = next(iter(shipped()))
    assert find(name) == find(f"{name}.yaml") == find(f"recipes/{name}.yaml")
    own = tmp_path / "own.yaml"
    own.write_text("train: {epochs: 2}")
    assert load(own).name == "own"
    with pytest.raises(RecipeError, match=f"did you mean .*{name}"):
        load(name + "x")


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [1\n", "\x00"])
def test_files_that_are_no_recipe(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        load(tmp_path / "bad.yaml")


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_load_under_their_own_name(name: str) -> None:
    recipe = load(name)
    assert recipe.name == name and recipe.description


@pytest.mark.parametrize("name", [name for name in shipped() if name.endswith("-fp32")])
def test_a_twin_differs_in_nothing_but_the_method(name: str) -> None:
    twin, binary = load(name), load(name.removesuffix("fp32") + "xnor")
    assert set(differences(to_plain(binary), to_plain(twin))) == {"name", "description", "model.method"}
    assert twin.model.method == "fp32"


def test_every_key_is_documented() -> None:
    rows = describe(Recipe)
    assert {"train.epochs", "optim.lr", "data.holdout"} <= {row.key for row in rows}
    assert all(row.help for row in rows)
    assert {row.key: row.kind for row in rows}["optim.name"] == "sgd|adam|adamw|shift_adamax"


def test_the_recipe_in_stages_runs_a_few_steps(tmp_path: Path) -> None:
    """As shipped, but for fewer and smaller pictures and one epoch a stage."""
    short = [
        "data.name=digits",
        "data.limit=100",
        "train.epochs=1",
        "train.batch=50",
        "model.options.stages=[[8],[16]]",
    ]
    result = run("fashion-mnist-reactnet-2stage", out=tmp_path / "run", overrides=short, device="cpu", progress="none",
                 tensorboard=False)  # fmt: skip
    assert [folder.name for folder in result.stages] == ["1-teacher", "2-activations"]
    (row,) = result.history
    assert row["step"] == 2 and row["train_loss"] == pytest.approx(row["train_loss_distribution"])
    assert result.recipe.model.init == "stage:previous" and load_checkpoint(tmp_path / "run" / "best")[1].epoch == 1
