"""``python -m xnorkit``: the command line, also for ``torchrun -m xnorkit train ...``."""

from .cli.main import main

main(prog_name="xnorkit")
