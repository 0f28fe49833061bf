"""Run make targets one after another, all of them even when one fails, and close with a table of results and times.

usage: run_steps.py TARGET...
"""

from __future__ import annotations

import subprocess
import sys
import time


def main(targets: list[str]) -> int:
    """Exit status: 0 when every target passed, else 1."""
    rows = []
    for target in targets:
        print(f"\n== make {target}", flush=True)
        start = time.monotonic()
        passed = subprocess.run(["make", "--no-print-directory", target], check=False).returncode == 0
        rows.append((target, "passed" if passed else "FAILED", time.monotonic() - start))
    print("\n== summary")
    for target, result, seconds in rows:
        print(f"{target:12} {result:8} {seconds:7.1f} s")
    failed = [target for target, result, _ in rows if result == "FAILED"]
    print(f"{'total':12} {'':8} {sum(row[2] for row in rows):7.1f} s")
    print(f"failed: {', '.join(failed)}" if failed else "all steps passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
