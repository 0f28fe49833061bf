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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, DataError, RecipeError
from ..nn.schemes import find_scheme
from ..train.config import differences, to_plain
from ..train.files import write_file
from ..train.launch import FREE_KEYS
from ..train.recipe import Recipe, dump, load, override, parse
from .entry import Entry, check_overrides, distinct, read_entry, slug, with_own

FILE = "plan.json"
OWN_KEYS = ("seed", "model.method")
"""Recipe keys a comparison sets itself: they may neither be overridden nor do they tell two comparisons apart."""


@dataclass(frozen=True)
class Run:
    """One training: of an `Entry`, with a seed."""

    scheme: str
    seed: int
    label: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        """What is trained, whatever the seed."""
        return Entry(self.scheme, self.label, self.overrides)

    @property
    def key(self) -> str:
        """`Entry.key`."""
        return self.entry.key

    @property
    def name(self) -> str:
        """Name of its folder and files."""
        return f"{slug(self.key)}-s{self.seed}"


@dataclass(frozen=True)
class Plan:
    """source: the recipe as it was named. base: the recipe all share. overrides: ``key=value`` texts that win over what
    a scheme asks for."""

    source: str
    base: Recipe
    overrides: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Each entry once, in order."""
        return tuple(dict.fromkeys(run.entry for run in self.runs))

    def recipe(self, run: Run) -> Recipe:
        """The recipe of one run: base, the scheme's own keys, method and seed, the overrides for all, its own."""
        asked = [f"{key}={json.dumps(value)}" for key, value in find_scheme(run.scheme).recipe.items()]
        own = [f"name={json.dumps(f'{self.base.name}-{run.name}')}", f"model.method={json.dumps(run.scheme)}",
               f"seed={run.seed}"]  # fmt: skip
        return override(self.base, [*asked, *own, *self.overrides, *run.overrides])

    def settings(self, entry: Entry) -> dict[str, Any]:
        """Dotted key -> value, where an entry's recipe is not that of all: what the scheme asks for and its own."""
        recipe = to_plain(self.recipe(Run(entry.scheme, 0, entry.label, entry.overrides)))
        found: dict[str, Any] = {}
        for key in differences(to_plain(self.base), recipe):
            if key not in (*OWN_KEYS, "name"):
                value = recipe
                for part in key.split("."):
                    value = value.get(part)
                found[key] = value
        return found


def make_plan(recipe: str | Path | Recipe, schemes: Iterable[str | Entry], seeds: Iterable[int],
              overrides: Sequence[str] = (), own: Mapping[str, Sequence[str]] | None = None) -> Plan:  # fmt: skip
    """A plan in which every run's recipe is known to be valid.

    schemes: entries, or texts as `read_entry` takes them. own: key or scheme -> ``key=value`` texts for it alone.
    Raises RangeError for an unknown scheme, RecipeError for a bad recipe or override, two entries of one name, or
    nothing to run.
    """
    check_overrides(overrides)
    entries = [read_entry(scheme) if isinstance(scheme, str) else scheme for scheme in schemes]
    entries = distinct(with_own(entries, own or {}))
    runs = tuple(Run(entry.scheme, seed, entry.label, entry.overrides)
                 for entry in entries for seed in dict.fromkeys(seeds))  # fmt: skip
    if not runs:
        raise RecipeError("compare", "nothing to run", expected="one or more schemes and seeds")
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
        runs = tuple(Run(row["scheme"], row["seed"], row.get("label", ""), tuple(row.get("overrides", ())))
                     for row in found["runs"])  # fmt: skip
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
    distinct([*old.entries, *plan.entries])
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
    rows = [{"scheme": run.scheme, "seed": run.seed, "label": run.label, "overrides": list(run.overrides)}
            for run in joined.runs]  # fmt: skip
    plain = {"source": joined.source, "overrides": list(joined.overrides), "runs": rows, "base": to_plain(joined.base)}
    write_file(folder / FILE, json.dumps(plain, indent=2).encode())
    return joined


def extend(folder: Path, schemes: Sequence[str], seeds: Sequence[int],
           own: Mapping[str, Sequence[str]] | None = None) -> Plan:  # fmt: skip
    """The plan of a folder with further runs: the schemes given (or all) with the seeds given (or all).

    A label or scheme that is there means that entry. Raises as `make_plan` and `load_plan`.
    """
    old = load_plan(folder)
    there = {entry.key: entry for entry in old.entries}
    chosen = [there.get(text.strip()) or read_entry(text) for text in schemes] or list(old.entries)
    more = make_plan(old.base, chosen, seeds or [run.seed for run in old.runs], old.overrides, own)
    known = set(old.runs)
    distinct([*old.entries, *more.entries])
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
