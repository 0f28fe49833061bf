"""XNOR-Net's figure 4, measured: sizes of three nets, and speed over channels and over filter sizes.

python tools/xnor_figure4.py [--out FOLDER] [--rounds N] [--only sizes|speed]

(a) bytes in double precision against one bit each, as the paper counts; beside them float32 and whole packed files of
random weights, its first and last layer float or int8. (b), (c) one convolution on 14x14 pixels, one thread: our packed
layer and our whole call from floats to floats, each against PyTorch's float convolution and against seven plain loops
in C, with the paper's formula. Every answer is compared with the reference first (`xnorkit.bench.race`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import xnorkit as xk
from xnorkit import draw
from xnorkit.bench.peers.table import PEERS
from xnorkit.bench.race import Row, race
from xnorkit.bench.report import facts
from xnorkit.bench.works import Work, conv
from xnorkit.draw.canvas import MARKS
from xnorkit.models import create_model, summary
from xnorkit.reference.operations import theoretical_speedup
from xnorkit.runtime.cpu import isa
from xnorkit.train.files import write_file

PAPER_MB = {"vgg19": (1000, 16), "resnet18": (100, 1.5), "alexnet": (475, 7.4)}
"""Net -> megabytes of figure 4a in double precision, and binary."""
ENDS = {"float ends": "xnor[first=float,last=float]", "int8 ends": "xnor"}
SIZE, WIDTH, KERNEL = 14, 256, 3
SWEEPS = {"channels": [conv(KERNEL, c, SIZE) for c in (3, 8, 16, 32, 64, 128, 256, 512, 1024)],
          "filter": [conv(k, WIDTH, SIZE) for k in (1, 3, 5, 7, 9, 11)]}  # fmt: skip
PACKED, CALL = f"xnorkit {isa()}", f"xnorkit {isa()} float"
BASES = ("torch", "textbook C loop")
RACED = [peer for peer in PEERS if peer.system in (PACKED, CALL, *BASES)]


def size_of(name: str) -> dict[str, Any]:
    """The float net's numbers, and packed files of random weights with each kind of ends."""
    model = create_model(name, "fp32", num_classes=1000, in_chans=3, input_size=224).eval()
    row: dict[str, Any] = {"net": name, "params": summary(model, (3, 224, 224)).params, "paper_mb": PAPER_MB[name]}
    for ends, scheme in ENDS.items():
        model = create_model(name, scheme, num_classes=1000, in_chans=3, input_size=224).eval()
        counted = summary(model, (3, 224, 224))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "net.xnor.safetensors"
            begun = time.perf_counter()
            report = xk.export(model, torch.zeros(1, 3, 224, 224), path, input_dtype="u8")
            exported = time.perf_counter()
            xk.load(path)
            loaded = time.perf_counter()
        row[ends] = {"binary_weights": counted.params_by_width.get(1, 0), "packed_bytes": counted.packed_bytes,
                     "file_bytes": report.file_bytes, "export_seconds": round(exported - begun, 2),
                     "load_seconds": round(loaded - exported, 4)}  # fmt: skip
    return row


def speed_of(work: Work, rounds: int) -> dict[str, Any]:
    """Minima of the race, milliseconds, and how many times faster ours are; the paper's formula beside them."""
    rows: dict[str, Row] = {row.system: row for row in race(work, RACED, rounds=rounds)}
    wrong = [f"{work.name}: {row.system}: {row.error}" for row in rows.values() if not row.verified]
    if wrong or PACKED not in rows:
        raise SystemExit("\n".join(wrong) or f"{work.name}: no row of {PACKED}")
    times = {system: row.min_ms for system, row in rows.items()}
    ratios = {f"{ours} / {base}": times[base] / times[system]
              for ours, system in (("packed", PACKED), ("call", CALL)) for base in BASES if base in times}  # fmt: skip
    return {"work": work.name, "channels": work.channels, "kernel": work.kernel, "min_ms": times,
            "median_ms": {system: row.median_ms for system, row in rows.items()}, "ratios": ratios,
            "formula": theoretical_speedup(work.channels, work.kernel**2)}  # fmt: skip


def sizes_picture(rows: list[dict[str, Any]]) -> bytes:
    """Figure 4a: bytes of each net by each way to count, logarithmic."""
    figure, (axes,) = draw.panels(width=8, height=4)
    for i, row in enumerate(rows):
        bars = {"float64": 8 * row["params"], "one bit each": row["params"] / 8, "float32": 4 * row["params"],
                **{f"file, {ends}": row[ends]["file_bytes"] for ends in ENDS}}  # fmt: skip
        for j, (label, value) in enumerate(bars.items()):
            drawn = axes.bar(i + 0.16 * (j - 2), value / 1e6, 0.15, color=draw.COLOURS[j], label="" if i else label)
            axes.bar_label(drawn, fmt="%.3g", fontsize=7)
    axes.set_xticks(range(len(rows)), [row["net"] for row in rows])
    axes.set_yscale("log")
    axes.set(ylabel="megabytes (logarithmic)", title="Bytes of three nets: as figure 4a counts, and on disk")
    axes.legend(fontsize=8)
    return draw.render(figure)


def speed_picture(sweeps: dict[str, list[dict[str, Any]]]) -> bytes:
    """Figures 4b and 4c: times faster over channels and over filter sizes, measured, and by the formula."""
    figure, panels = draw.panels(1, 2, width=6, height=4.5)
    titles = {"channels": f"{KERNEL}x{KERNEL} on {SIZE}x{SIZE}, channels in and out",
              "filter": f"{WIDTH} channels on {SIZE}x{SIZE}, side of the filter"}  # fmt: skip
    for axes, (sweep, rows) in zip(panels, sweeps.items(), strict=True):
        x = [row["channels" if sweep == "channels" else "kernel"] for row in rows]
        axes.plot(x, [row["formula"] for row in rows], "k--", linewidth=1, label="formula, 64 bits a clock")
        for i, name in enumerate(sorted({name for row in rows for name in row["ratios"]})):
            values = [row["ratios"].get(name, float("nan")) for row in rows]
            axes.plot(x, values, marker=MARKS[i], markersize=4, color=draw.COLOURS[i], label=name)
        axes.set(yscale="log", xlabel=titles[sweep], ylabel="times faster (logarithmic)")
        if sweep == "channels":
            axes.set_xscale("log", base=2)
        axes.set_xticks(x, [str(value) for value in x])
        axes.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    return draw.render(figure)


def tell(found: dict[str, Any]) -> None:
    """Markdown tables of what was measured."""
    if "sizes" in found:
        print("| net | parameters | float64, MB | one bit each, MB | paper | float32, MB |"
              + "".join(f" {ends}: file, MB | times smaller | export, s | load, s |" for ends in ENDS))  # fmt: skip
        print("|---|" + "--:|" * (5 + 4 * len(ENDS)))
    for row in found.get("sizes", ()):
        n = row["params"]
        print(f"| {row['net']} | {n:,} | {8 * n / 1e6:.1f} | {n / 8e6:.2f} | {row['paper_mb'][0]} -> "
              f"{row['paper_mb'][1]} | {4 * n / 1e6:.1f} |"
              + "".join(f" {e['file_bytes'] / 1e6:.2f} | {4 * n / e['file_bytes']:.1f} | {e['export_seconds']:.1f} | "
                        f"{e['load_seconds']:.3f} |" for e in (row[ends] for ends in ENDS)))  # fmt: skip
    for sweep, rows in found.get("speed", {}).items():
        names = list(rows[0]["ratios"])
        print(f"\n| {sweep} | formula | {' | '.join(names)} | packed, ms | torch, ms |")
        print("|---|" + "--:|" * (3 + len(names)))
        for row in rows:
            ratios = " | ".join(f"{row['ratios'][name]:.1f}" if name in row["ratios"] else "" for name in names)
            print(f"| {row['channels' if sweep == 'channels' else 'kernel']} | {row['formula']:.1f} | {ratios} | "
                  f"{row['min_ms'][PACKED]:.4f} | {row['min_ms']['torch']:.4f} |")  # fmt: skip


def main() -> None:
    """Measure, print, write what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the JSON and the pictures; nothing is written without")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", choices=("sizes", "speed"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = facts(RACED, arguments.rounds, 1)
    if arguments.only != "speed":
        found["sizes"] = [size_of(name) for name in PAPER_MB]
    if arguments.only != "sizes":
        found["speed"] = {
            sweep: [speed_of(work, arguments.rounds) for work in works] for sweep, works in SWEEPS.items()
        }
    tell(found)
    if arguments.out:
        write_file(arguments.out / "xnor-figure4.json", (json.dumps(found, indent=1) + "\n").encode())
        if "sizes" in found:
            write_file(arguments.out / "xnor-figure4-sizes.png", sizes_picture(found["sizes"]))
        if "speed" in found:
            write_file(arguments.out / "xnor-figure4-speed.png", speed_picture(found["speed"]))


if __name__ == "__main__":
    sys.exit(main())
