"""A comparison without its checkpoints: small enough for a repository, and another machine can go on from it."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError
from ..train.files import write_file
from .latency import FILE as LATENCY
from .plan import FILE, is_comparison, load_plan, packed_file, packing_file, recipe_file, run_folder
from .report import REPORTS


def keep(folder: Path, target: Path) -> list[Path]:
    """Copy what table and picture are made of; returns the files written, relative to ``target``.

    Plan, recipes, results and metrics of finished runs, what packing and verifying found, the packed file of each
    entry's first finished run (the one that is timed), latencies, and the reports. Checkpoints and unfinished runs stay
    behind: ``xnorkit compare TARGET`` begins those anew, and takes the finished ones as they are.

    Raises DataError where the target holds another comparison, SaveError.
    """
    plan = load_plan(folder)
    if is_comparison(target) and {run.name for run in load_plan(target).runs} - {run.name for run in plan.runs}:
        raise DataError(str(target), "holds other runs", expected="a new folder, or an earlier copy of this comparison",
                        hint=f"go on from it: xnorkit compare {target}")  # fmt: skip
    wanted = [folder / name for name in (FILE, LATENCY, *REPORTS)]
    timed: set[str] = set()
    for run in plan.runs:
        wanted.append(recipe_file(folder, run))
        if not (run_folder(folder, run) / "result.json").is_file():
            continue
        wanted += [run_folder(folder, run) / name for name in ("result.json", "metrics.jsonl")]
        wanted.append(packing_file(folder, run))
        if run.key not in timed and packed_file(folder, run).is_file():
            wanted.append(packed_file(folder, run))
            timed.add(run.key)
    written = [path.relative_to(folder) for path in wanted if path.is_file()]
    for name in written:
        write_file(target / name, (folder / name).read_bytes())
    return written
