"""The recipe: everything that decides a training run, as one frozen value that round-trips through YAML.

>>> recipe = parse({"model": {"name": "lenet5", "method": "xnor"}, "train": {"epochs": 3}})
>>> recipe.train.epochs, override(recipe, ["train.epochs=5", "optim.lr=1e-3"]).train.epochs
(3, 5)
>>> parse(to_plain(recipe)) == recipe
True
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorkit.errors import MissingDependencyError, RecipeError
from xnorkit.train.config import Section, build, option, section, to_plain
from xnorkit.train.options import DataOptions, DistillOptions, ModelOptions, OptimOptions, ScheduleOptions, TrainOptions
from xnorkit.train.staging import check_reference, merged, stage_name

try:
    import yaml
except ImportError as error:  # pragma: no cover - PyYAML comes with the train extra
    raise MissingDependencyError("recipe", "PyYAML is needed", hint='pip install "xnorkit[train]"') from error

SHIPPED = Path(__file__).parent / "recipes"
"""Where the recipes that come with the package lie."""


@dataclass(frozen=True)
class Recipe(Section):
    """A whole run. Equal recipes give equal parameters on the same machine and thread count."""

    name: str = option("run", "short name; the default run folder is runs/NAME")
    description: str = option("", "what it is for, and what it reaches")
    seed: int = option(0, "seed of weights, data order, augmentation and dropout", low=0, high=2**31 - 1)
    data: DataOptions = section(DataOptions, "which pictures")
    model: ModelOptions = section(ModelOptions, "which network")
    optim: OptimOptions = section(OptimOptions, "the optimizer")
    schedule: ScheduleOptions = section(ScheduleOptions, "learning rate over time")
    train: TrainOptions = section(TrainOptions, "the loop")
    distill: DistillOptions = section(DistillOptions, "a teacher")
    stages: tuple[dict[str, Any], ...] = option((), "trainings one after another: of each a name, and what differs "
                                                    "from this recipe; each begins with the one before")  # fmt: skip

    def check(self) -> None:
        if self.schedule.warmup >= self.train.epochs:
            raise RecipeError("schedule.warmup", "longer than the run", got=self.schedule.warmup,
                              expected=f"less than train.epochs = {self.train.epochs}")  # fmt: skip
        self.chain()

    def chain(self) -> tuple[tuple[str, Recipe], ...]:
        """(name, its own whole recipe) of each stage; empty for a run without stages.

        A stage's recipe is this one with what the stage says. A stage begins with the best tensors of the one before,
        unless it says ``model.init`` itself. The last stage keeps the run's name.

        Raises
        ------
        RecipeError: a key no stage may have, a value it refuses, or ``stage:NAME`` of a stage that is not before it.
        """
        found: list[tuple[str, Recipe]] = []
        own = {key: value for key, value in to_plain(self).items() if key != "stages"}
        for number, changes in enumerate(self.stages):
            where, names = f"stages.{number}", [name for name, _ in found]
            name, values = stage_name(changes, number, names), copy.deepcopy(own)
            if number:
                values["model"]["init"] = "stage:previous"
            if number + 1 < len(self.stages):
                values["name"] = f"{self.name}-{name}"
            recipe = build(Recipe, merged(values, changes, where), where)
            check_reference(recipe.model.init, names, f"{where}.model.init")
            check_reference(recipe.distill.teacher, names, f"{where}.distill.teacher")
            found.append((name, recipe))
        return tuple(found)


def parse(values: Mapping[str, Any]) -> Recipe:
    """A recipe from nested mappings; keys left out take their defaults. Raises RecipeError."""
    return build(Recipe, values, "")


def shipped() -> dict[str, Path]:
    """Name -> file of every recipe that comes with the package.

    >>> "fashion-mnist-lenet5-xnor" in shipped()
    True
    """
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def find(name_or_path: str | Path) -> Path:
    """The file of a recipe: an existing path as it is, else a shipped name (with or without folder and ``.yaml``).

    Raises
    ------
    RecipeError: neither; the near names are listed.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    names = shipped()
    if path.stem in names and path.suffix in ("", ".yaml") and path.parent in (Path(), Path("recipes")):
        return names[path.stem]
    near = difflib.get_close_matches(path.stem, names, n=2)
    raise RecipeError("recipe", "no such file or shipped recipe", got=name_or_path,
                      expected="a path, or one of " + ", ".join(names),
                      hint="did you mean " + " or ".join(near) + "?" if near else "")  # fmt: skip


def load(source: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe by name, path, mapping or as it is, with ``dotted.key=value`` overrides applied.

    Raises
    ------
    RecipeError: not found, no valid YAML, or a key or value `Recipe` refuses (the message names the file's key).

    >>> load("fashion-mnist-lenet5-xnor", ["train.epochs=1"]).train.epochs
    1
    """
    if isinstance(source, Recipe):
        return override(source, overrides)
    if isinstance(source, Mapping):
        return override(parse(source), overrides)
    path = find(source)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), "not valid YAML: " + " ".join(str(error).split())) from None
    if not isinstance(values, Mapping):
        raise RecipeError(str(path), "not a recipe", got=type(values).__name__, expected="a mapping of sections")
    return override(parse({"name": path.stem, **values}), overrides)


def dump(recipe: Recipe) -> str:
    """The recipe as YAML, every key written out; `load` reads it back to an equal recipe."""
    return yaml.safe_dump(to_plain(recipe), sort_keys=False, allow_unicode=True, width=100)


def override(recipe: Recipe, assignments: Iterable[str]) -> Recipe:
    """A copy with dotted keys set, values read as YAML: ``train.epochs=3``, ``data.root=null``.

    Raises
    ------
    RecipeError: no ``=`` in an assignment, an unknown key, or a value `Recipe` refuses.
    """
    values = to_plain(recipe)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise RecipeError("override", "not an assignment", got=assignment, expected="dotted.key=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise RecipeError(key, "value is not valid YAML", got=text) from None
        *folders, leaf = key.strip().split(".")
        spot: Any = values
        for folder in folders:
            spot = _inside(spot, folder, key)
        if not isinstance(spot, dict):
            raise RecipeError(key, "not a section", got=".".join(folders))
        spot[leaf] = value
    return parse(values)


def _inside(spot: Any, folder: str, key: str) -> Any:
    """The section of that name, or the stage of that number (from 0); new sections are refused by `parse`."""
    if isinstance(spot, dict):
        return spot.setdefault(folder, {})
    if isinstance(spot, list) and folder.isdecimal() and int(folder) < len(spot):
        return spot[int(folder)]
    raise RecipeError(key, "not a section" if not isinstance(spot, list) else "no such stage", got=folder)
