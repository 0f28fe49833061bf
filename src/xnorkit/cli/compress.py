"""``xnorkit compress``: a trained checkpoint, stage after stage, to a small packed file; resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .output import Output
from .verb import need_torch, verb


@verb(
    "compress",
    example="xnorkit compress runs/lenet/best --with prune:0.9,share:5,huffman -o runs/small\n"
    "xnorkit compress runs/lenet/best --with prune:0.92:rounds=3:fc3=0.7,share:5:conv=8,huffman -o runs/small\n"
    "xnorkit compress runs/lenet/best --sensitivity prune -o runs/scan\n"
    "xnorkit list stages                                 # what --with may name, with options",
)
@click.argument("checkpoint")
@click.option("--with", "stages", metavar="STAGES", help="NAME[:VALUE][:KEY=VALUE]..., separated by "
              "commas, in any order; a key that is no option names a layer.")  # fmt: skip
@click.option("--sensitivity", "kind", type=click.Choice(["prune", "share", "lowrank"]),
              help="Instead: accuracy against rate, one layer changed at a time, not trained on; judged by training "
              "pictures.")  # fmt: skip
@click.option("-o", "--out", "folder", required=True, metavar="FOLDER", help="Where all of it goes; the packed file is "
              "FOLDER/net.xnor.safetensors.")  # fmt: skip
@click.option("--teacher", metavar="CHECKPOINT", help="A net for the stages with teach=, in place of the one that is "
              "compressed.")  # fmt: skip
@click.option("--resume", default="auto", show_default=True, type=click.Choice(["auto", "never"]),
              help="auto: finished stages of the same plan are taken as they are; never: start over.")  # fmt: skip
@click.option("--verify", "pictures", default=1000, show_default=True, type=click.IntRange(1),
              help="Test pictures on which the last file and its net are compared.")  # fmt: skip
@click.option("--rounds", default=25, show_default=True, type=click.IntRange(1), help="Rounds of the latencies.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the engine.")
@click.option("--progress", default="auto", show_default=True, type=click.Choice(["auto", "bar", "plain", "none"]),
              help="auto: bars on a terminal, a line an epoch elsewhere; on standard error.")  # fmt: skip
def command(out: Output, checkpoint: str, stages: str | None, kind: str | None, folder: str, teacher: str | None,
            resume: str, pictures: int, rounds: int, threads: int, progress: str) -> None:  # fmt: skip
    """Make a trained net small: prune, share weights, code the file.

    CHECKPOINT is a folder of `xnorkit train` (RUN/best), or one that this verb made (FOLDER/1-prune/checkpoint). After
    each stage: accuracy of the packed file on the test split, parameters that are not 0, bytes on disk, milliseconds.
    Layers with one-bit weights are left alone. Ctrl-C keeps what is done; the same command goes on, and further stages
    may be added to its end.
    """
    if (stages is None) == (kind is None):
        raise click.UsageError("give --with STAGES, e.g. --with prune:0.9,share:5,huffman, or --sensitivity KIND")
    need_torch("compress")
    if stages is None:
        _scan(out, checkpoint, str(kind), folder, progress)
        return
    from ..compress.pipeline import compress
    from ..compress.report import COLUMNS, LAYER_COLUMNS, told

    try:
        report = compress(checkpoint, stages, folder, resume=resume, teacher=teacher, pictures_verified=pictures,
                          rounds=rounds, threads=threads, progress=progress)  # fmt: skip
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on", err=True)
        raise SystemExit(130) from None
    out.table(COLUMNS, report.cells())
    out.line()
    out.table(LAYER_COLUMNS, report.layer_cells())
    out.line(told(report))
    place = Path(folder)
    out.line(f"{report.ratio:.1f}x smaller: {place / 'net.xnor.safetensors'}; {place / 'report.md'}, .json, .png")
    out.result({"out": place, **report.to_dict()})


def _scan(out: Output, checkpoint: str, kind: str, folder: str, progress: str) -> None:
    from ..compress.sensitivity import sensitivity, table

    def told(row: dict[str, Any]) -> None:
        if progress in ("auto", "plain"):
            click.echo(f"{row['layer']} {row['rate']}: {100 * row['top1']:.2f} %", err=True)

    rows = sensitivity(checkpoint, folder, kind=kind, told=told)
    out.table(*table(rows))
    out.line(f"top-1 % by rate; {Path(folder) / 'sensitivity.md'}, .json, .png")
    out.result({"out": Path(folder), "kind": kind, "rows": rows})
