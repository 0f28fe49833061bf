"""What a comparison consists of: a run for each scheme and seed, as files in its folder.

    DIR/plan.json             the base recipe, the overrides, the runs in order
    DIR/recipes/<run>.yaml    the whole recipe of a run; ``xnorkit train`` takes it, too
    DIR/runs/<run>/           its run folder
    DIR/logs/<run>.log        what its process said
    DIR/packed/<run>.*        the packed file, and what packing and verifying found

>>> plan = make_plan("digits-xnor", ["fp32", "xnor[kmap=true, weight.gradient=paper]"], [0, 1])
>>> [run.name for run in plan.runs][1:3]
['fp32-s1', 'xnor-kmap=true-weight.gradient=paper-s0']
>>> plan.recipe(plan.runs[1]).model.method, plan.recipe(plan.runs[1]).seed
('fp32', 1)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, DataError, RecipeError
from ..nn.schemes import find_scheme
from ..train.config import differences, to_plain
from ..train.files import write_file
from ..train.launch import FREE_KEYS
from ..train.recipe import Recipe, dump, load, override, parse

FILE = "plan.json"
OWN_KEYS = ("seed", "model.method")
"""Recipe keys a comparison sets itself: they may neither be overridden nor do they tell two comparisons apart."""


@dataclass(frozen=True)
class Run:
    """One training. scheme: as ``find_scheme`` reads it, without blanks."""

    scheme: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder and files."""
        return f"{slug(self.scheme)}-s{self.seed}"


@dataclass(frozen=True)
class Plan:
    """source: the recipe as it was named. base: the recipe all share. overrides: ``key=value`` texts that win over what
    a scheme asks for."""

    source: str
    base: Recipe
    overrides: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def schemes(self) -> tuple[str, ...]:
        """Each scheme once, in order."""
        return tuple(dict.fromkeys(run.scheme for run in self.runs))

    def recipe(self, run: Run) -> Recipe:
        """The recipe of one run: base, then the scheme's own keys, then method and seed, then the overrides."""
        asked = [f"{key}={json.dumps(value)}" for key, value in find_scheme(run.scheme).recipe.items()]
        own = [f"name={json.dumps(f'{self.base.name}-{run.name}')}", f"model.method={json.dumps(run.scheme)}",
               f"seed={run.seed}"]  # fmt: skip
        return override(self.base, [*asked, *own, *self.overrides])


def slug(scheme: str) -> str:
    """A scheme's text as part of a file name.

    >>> slug("xnor[kmap=true]"), slug("dorefa[weight.bits=1,activation.bits=2]")
    ('xnor-kmap=true', 'dorefa-weight.bits=1-activation.bits=2')
    """
    return re.sub(r"[^\w.=-]", "_", re.sub(r"[\[,]", "-", scheme.replace("]", "")))


def make_plan(recipe: str | Path | Recipe, schemes: Iterable[str], seeds: Iterable[int],
              overrides: Sequence[str] = ()) -> Plan:  # fmt: skip
    """A plan in which every run's recipe is known to be valid.

    Raises RangeError for an unknown scheme, RecipeError for a bad recipe or override, two schemes of one file name, or
    nothing to run.
    """
    for text in overrides:
        key = text.partition("=")[0].strip()
        if key in (*OWN_KEYS, "name"):
            hint = "" if key == "name" else "choose with " + ("--seeds" if key == "seed" else "--schemes")
            raise RecipeError(key, "is set for each run by the comparison", got=text, hint=hint)
    names = list(dict.fromkeys("".join(scheme.split()) for scheme in schemes))
    runs = tuple(Run(name, seed) for name in names for seed in dict.fromkeys(seeds))
    if not runs:
        raise RecipeError("compare", "nothing to run", expected="one or more schemes and seeds")
    if len({slug(name) for name in names}) < len(names):
        raise RecipeError("compare", "two schemes have the same file name", got=", ".join(names))
    source = recipe.name if isinstance(recipe, Recipe) else str(recipe)
    plan = Plan(source, load(recipe, overrides), tuple(overrides), runs)
    for run in runs:
        plan.recipe(run)
    return plan


def is_comparison(folder: str | Path) -> bool:
    """Whether a folder holds a comparison."""
    return (Path(folder) / FILE).is_file()


def load_plan(folder: Path) -> Plan:
    """The plan a folder holds. Raises DataError (no comparison, or damaged), RecipeError."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        runs = tuple(Run(row["scheme"], row["seed"]) for row in found["runs"])
        return Plan(found["source"], parse(found["base"]), tuple(found["overrides"]), runs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, RecipeError):
            raise
        raise DataError(str(folder), "holds no comparison", got=f"{FILE}: {error}",
                        expected="a folder that xnorkit compare made") from None  # fmt: skip


def store(plan: Plan, folder: Path) -> Plan:
    """Write the plan, joined with the one that is there; returns the joined one.

    Runs that are there keep their recipes. Raises CheckpointError where the folder's runs are of another recipe.
    """
    old = load_plan(folder) if is_comparison(folder) else replace(plan, runs=())
    changed = _changed(to_plain(old.base), to_plain(plan.base))
    for run in plan.runs:
        if (path := recipe_file(folder, run)).is_file():
            changed += _changed(to_plain(load(path)), to_plain(plan.recipe(run)))
    if changed:
        raise CheckpointError(str(folder), "holds a comparison of another recipe",
                              got="other " + ", ".join(dict.fromkeys(changed)), expected="the same recipe",
                              hint=f"choose another --out, or go on with: xnorkit compare {folder}")  # fmt: skip
    joined = replace(plan, runs=tuple(dict.fromkeys((*old.runs, *plan.runs))))
    for run in plan.runs:
        write_file(recipe_file(folder, run), dump(plan.recipe(run)).encode())
    rows = [{"scheme": run.scheme, "seed": run.seed} for run in joined.runs]
    plain = {"source": joined.source, "overrides": list(joined.overrides), "runs": rows, "base": to_plain(joined.base)}
    write_file(folder / FILE, json.dumps(plain, indent=2).encode())
    return joined


def extend(folder: Path, schemes: Sequence[str], seeds: Sequence[int]) -> Plan:
    """The plan of a folder with further runs: the schemes given (or all) with the seeds given (or all).

    Raises as `make_plan` and `load_plan`.
    """
    old = load_plan(folder)
    more = make_plan(old.base, schemes or old.schemes, seeds or [run.seed for run in old.runs], old.overrides)
    known = set(old.runs)
    return store(replace(old, runs=tuple(run for run in more.runs if run not in known)), folder)


def recipe_file(folder: Path, run: Run) -> Path:
    """The recipe of a run."""
    return folder / "recipes" / f"{run.name}.yaml"


def run_folder(folder: Path, run: Run) -> Path:
    """Where a run trains."""
    return folder / "runs" / run.name


def log_file(folder: Path, run: Run) -> Path:
    """What the run's process said."""
    return folder / "logs" / f"{run.name}.log"


def packed_file(folder: Path, run: Run) -> Path:
    """The run's packed file."""
    return folder / "packed" / f"{run.name}.xnor.safetensors"


def packing_file(folder: Path, run: Run) -> Path:
    """What packing and verifying found."""
    return folder / "packed" / f"{run.name}.json"


def _changed(left: Any, right: Any) -> list[str]:
    return [key for key in differences(left, right) if key not in (*FREE_KEYS, *OWN_KEYS)]
