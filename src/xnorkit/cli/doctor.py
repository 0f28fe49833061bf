"""``xnorkit doctor``: what this machine and installation offer; no torch needed."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError
from .output import Output
from .verb import verb

PACKAGES = (
    "xnorkit",
    "numpy",
    "safetensors",
    "pillow",
    "torch",
    "accelerate",
    "scikit-learn",
    "matplotlib",
    "tensorboard",
)
"""Those from torch on come with the ``train`` extra."""


@verb("doctor", example="xnorkit doctor\nxnorkit doctor --json doctor.json")
def command(out: Output) -> None:
    """Show CPU features, chosen kernels, versions and data found.

    Exit status 1 when the engine cannot be loaded.
    """
    found = {"cpu": _cpu(), "engine": _engine(), "packages": _packages(), "datasets": _datasets()}
    cpu, engine = found["cpu"], found["engine"]
    out.line(f"{cpu['model']}, {cpu['usable_cores']} usable cores, {cpu['system']}, Python {cpu['python']}")
    if engine["loaded"]:
        out.line(f"engine: {engine['isa']} kernels (levels: {', '.join(engine['levels'])})")
        out.line()
        rows = [[k["family"], k["name"], k["isa"], k["runs_here"]] for k in engine["kernels"]]
        out.table(["family", "kernel", "needs", "runs here"], rows)
    else:
        out.line(f"engine: cannot be loaded ({engine['error']})")
    out.line()
    out.table(["package", "version"], [[name, at or "not installed"] for name, at in found["packages"].items()])
    if found["packages"]["torch"] is None:
        out.line('to train and export: pip install "xnorkit[train]"')
    out.line()
    out.table(["dataset", "found in"], [[name, place or "not found"] for name, place in found["datasets"].items()])
    out.result(found)
    if not engine["loaded"]:
        hint = "in a clone: make engine; else: pip install --force-reinstall xnorkit"
        raise MissingDependencyError("doctor", "the compiled engine cannot be loaded", got=engine["error"], hint=hint)


def _cpu() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}"
    return {"model": _cpu_model(), "system": system, "usable_cores": cores, "python": platform.python_version()}


def _cpu_model() -> str:
    """The name in Linux's /proc/cpuinfo, or what the platform module knows."""
    info = Path("/proc/cpuinfo")
    if sys.platform == "linux" and info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _engine() -> dict[str, Any]:
    """Chosen instruction set and the kernel table; ``loaded`` false with the reason when the module does not load."""
    try:
        from ..runtime.cpu import checked_isa, kernels, levels
    except ImportError as error:
        return {"loaded": False, "error": str(error)}
    chosen = checked_isa(os.environ.get("XNORKIT_ISA", ""))
    return {"loaded": True, "isa": chosen, "levels": levels(), "kernels": kernels()}


def _packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _datasets() -> dict[str, str | None]:
    """Dataset -> folder its test split would be read from."""
    from ..train.data.datasets import DATASETS, locate

    found: dict[str, str | None] = {}
    for row in DATASETS.values():
        at = locate(row, "test")
        inside = "scikit-learn" if row.name == "digits" and _packages()["scikit-learn"] else None
        found[row.name] = None if at is None else str(at[1][0].parent) if at[1] else inside
    return found
