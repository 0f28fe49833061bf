"""What a comparison found: a row for each scheme, as data, Markdown and a picture; also while runs are unfinished."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..bench.report import cpu_name
from ..runtime.cpu import isa
from ..train.config import to_plain
from ..train.files import write_file
from .entry import Entry
from .latency import found_latency
from .packing import found_packing
from .plan import Plan, Run, load_plan, run_folder
from .progress import history

BASELINE = "fp32"
Row = dict[str, Any]

COLUMNS = ["scheme", "runs", "top-1 %", "+-", "to fp32", "packed %", "bytes", "ms", "min ms", "mismatches"]
"""Of the table; `cells` makes its rows."""


REPORTS = ("compare.json", "compare.md", "compare.png")


def collect(folder: Path) -> dict[str, Any]:
    """Everything: the plan, each run, a summary row for each scheme, machine and versions. Raises as `load_plan`."""
    plan, speed = load_plan(folder), found_latency(folder)
    runs = [_run(folder, run) for run in plan.runs]
    rows = [_summary(plan, entry, [run for run in runs if run["key"] == entry.key], speed) for entry in plan.entries]
    base = next((row["top1_mean"] for row in rows if row["scheme"] == BASELINE), None)
    for row in rows:
        both = base is not None and row["top1_mean"] is not None
        row["to_fp32"] = row["top1_mean"] - base if both else None
    return {
        "recipe": to_plain(plan.base),
        "overrides": list(plan.overrides),
        "command": command(plan, folder),
        "schemes": rows,
        "runs": runs,
        "finished": sum(run["finished"] for run in runs),
        "train_seconds": round(sum(run["train_seconds"] or 0.0 for run in runs), 1),
        "latency": {key: speed[key] for key in ("cpu", "isa", "threads", "batch", "rounds") if key in speed},
        "machine": {"cpu": cpu_name(), "isa": isa(), "cpus": os.cpu_count(), "system": platform.platform()},
        "versions": {name: version(name) for name in ("xnorkit", "torch", "numpy")} | {"python": _python()},
    }


def command(plan: Plan, folder: Path) -> str:
    """Command lines that do the same: one for each choice of seeds, for ``--seeds`` is of all schemes of its line."""
    from shlex import quote

    alike: dict[tuple[int, ...], list[Entry]] = {}
    for entry in plan.entries:
        alike.setdefault(tuple(run.seed for run in plan.runs if run.entry == entry), []).append(entry)
    lines = []
    for seeds, entries in alike.items():
        named = [f"{entry.label}={entry.scheme}" if entry.label else entry.scheme for entry in entries]
        words = ["xnorkit", "compare", plan.source, "--schemes", *named, "--seeds", *map(str, seeds)]
        words += ["--out", str(folder)]
        words += [word for text in plan.overrides for word in ("-o", text)]
        for entry in entries:
            words += ["--for", entry.key, *entry.overrides] if entry.overrides else []
        lines.append(" ".join(quote(word) for word in words))
    return "\n".join(lines)


def write(folder: Path) -> dict[str, Any]:
    """Make ``compare.json``, ``compare.md`` and, with matplotlib, ``compare.png`` anew; returns what `collect` does."""
    found = collect(folder)
    data, table, curves = (folder / name for name in REPORTS)
    write_file(data, (json.dumps(found, indent=2) + "\n").encode())
    write_file(table, markdown(found).encode())
    if importlib.util.find_spec("matplotlib") and any(run["history"] for run in found["runs"]):
        from .. import draw
        from .picture import picture

        write_file(curves, draw.render(picture(found)))
    return found


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Cells for ``COLUMNS``; what is not known yet, or does not exist, is ``-``."""
    table = []
    for row in rows:
        packed = [_percent(row["packed_top1"]), _whole(row["bytes"]), _ms(row["median_ms"]), _ms(row["min_ms"])]
        wrong = "-" if row["integer_mismatches"] is None else (
            f"{row['integer_mismatches']}, {row['prediction_mismatches']}")  # fmt: skip
        table.append([row["label"], f"{row['finished']}/{row['planned']}", _percent(row["top1_mean"]),
                      _percent(row["top1_deviation"]), _signed(row["to_fp32"]), *packed,
                      wrong if row["packs"] is not False else "does not pack"])  # fmt: skip
    return table


def markdown(found: Mapping[str, Any]) -> str:
    """The table, what it means, and how it was made."""
    rows, recipe, speed = found["schemes"], found["recipe"], found["latency"]
    table = [COLUMNS, ["---"] + ["--:"] * (len(COLUMNS) - 1), *cells(rows)]
    lines = [f"# {recipe['name']}: {len(rows)} entries", "", *("| " + " | ".join(line) + " |" for line in table), ""]
    lines += [
        "top-1: of the trained model on the test split, mean over seeds; +-: standard deviation over seeds (n - 1).",
        "to fp32: difference of the means, in points. packed: top-1 of the packed file. bytes: of the packed file.",
        "mismatches: integers of the layers, and predicted classes, that differ between packed and trained model.",
    ]
    if speed:
        lines += [f"ms: median and minimum of {speed['rounds']} rounds in which the files took turns, one thread, "
                  f"batch 1, {speed['cpu']}, {speed['isa']}."]  # fmt: skip
    lines += ["", *_own(rows), *told(found)]
    options = "".join(f", {key} {value}" for key, value in recipe["model"]["options"].items())
    lines += ["", "```bash", found["command"], "```", "",
              f"{found['finished']} of {len(found['runs'])} runs finished, {found['train_seconds']:,.0f} s of "
              "training: "
              f"{recipe['train']['epochs']} epochs of {recipe['data']['name']}, {recipe['model']['name']}{options}.",
              ", ".join(f"{name} {number}" for name, number in found["versions"].items())
              + f"; {found['machine']['cpu']}, {found['machine']['cpus']} CPUs."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _own(rows: Sequence[Row]) -> list[str]:
    """A line for each entry: its scheme, where the label hides it, and where its recipe is not that of all."""
    lines = []
    for row in rows:
        told = [f"`{row['scheme']}`"] if row["label"] != row["scheme"] else []
        told += ["own settings " + ", ".join(f"{key}={json.dumps(value)}" for key, value in row["settings"].items())
                 if row["settings"] else "the recipe of all"]  # fmt: skip
        lines.append(f"- {row['label']}: {'; '.join(told)}")
    return lines


def told(found: Mapping[str, Any]) -> list[str]:
    """What does not pack, and runs whose files cannot be read, each with its reason."""
    refused = [f"- {row['label']} does not pack: {row['why']}" for row in found["schemes"] if row["packs"] is False]
    return refused + [f"- {run['name']} cannot be read: {run['trouble']}" for run in found["runs"] if run["trouble"]]


def _run(folder: Path, run: Run) -> Row:
    """What is known of a run; of one whose files are of another version, that they are."""
    named = {"key": run.key, "scheme": run.scheme, "seed": run.seed, "name": run.name}
    try:
        return {**named, **_known(folder, run), "trouble": ""}
    except (KeyError, TypeError, ValueError) as error:
        nothing = {"finished": False, "epochs": 0, "train_seconds": None, "result": None, "packed": None, "history": []}
        return {**named, **nothing, "trouble": f"written by another version ({type(error).__name__}: {error})"}


def _known(folder: Path, run: Run) -> Row:
    result = run_folder(folder, run) / "result.json"
    found = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else None
    if found is not None:
        float(found["test_top1"])
    rows = history(folder, run)
    return {
        "finished": found is not None,
        "epochs": len(rows),
        "train_seconds": round(sum(row["seconds"] for row in rows), 1) if rows else None,
        "result": found,
        "packed": found_packing(folder, run) if found is not None else None,
        "history": [{key: row[key] for key in ("epoch", "train_loss", "train_top1", "eval_split", "eval_top1")}
                    for row in rows],
    }  # fmt: skip


def _summary(plan: Plan, entry: Entry, runs: Sequence[Row], speed: Mapping[str, Any]) -> Row:
    scores = [run["result"]["test_top1"] for run in runs if run["finished"]]
    looked = [run["packed"] for run in runs if run["packed"] is not None]
    packed = [found for found in looked if found["packs"]]
    timed = speed.get("rows", {}).get(entry.key, {})
    return {
        "key": entry.key,
        "label": entry.shown,
        "scheme": entry.scheme,
        "settings": plan.settings(entry),
        "planned": len(runs),
        "finished": len(scores),
        "seeds": [run["seed"] for run in runs if run["finished"]],
        "top1_mean": statistics.fmean(scores) if scores else None,
        "top1_deviation": statistics.stdev(scores) if len(scores) > 1 else None,
        "packs": all(found["packs"] for found in looked) if looked else None,
        "why": next((found["why"].splitlines()[0] for found in looked if not found["packs"]), ""),
        "scheme_packs": next((found["scheme_packs"] for found in looked), ""),
        "bytes": packed[0]["bytes"] if packed else None,
        "packed_top1": statistics.fmean(found["packed_top1"] for found in packed) if packed else None,
        "integers": sum(found["verify"]["integers"] for found in packed) if packed else None,
        "integer_mismatches": sum(found["verify"]["integer_mismatches"] for found in packed) if packed else None,
        "binding_mismatches": sum(found["verify"]["binding_mismatches"] for found in packed) if packed else None,
        "pictures": sum(found["verify"]["pictures"] for found in packed) if packed else None,
        "prediction_mismatches": sum(found["verify"]["prediction_mismatches"] for found in packed) if packed else None,
        "median_ms": timed.get("median_ms"),
        "min_ms": timed.get("min_ms"),
    }


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.2f}"


def _whole(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
