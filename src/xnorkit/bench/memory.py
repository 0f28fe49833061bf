"""What a model costs a process: resident bytes before loading, after loading, and at the peak of one run.

Measured in a process of its own, since a peak cannot be taken back.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from ..errors import BenchError

PROBE = """
import json, sys
import xnorkit
from xnorkit.bench.memory import resident
from xnorkit.bench.model import inputs
from xnorkit.graph import store
from xnorkit.runtime.session import Session

before = resident()[0]
session = Session(store.load(sys.argv[1]))
loaded = resident()[0]
session(inputs(session.graph, 1))
grown = {"rss_load_bytes": loaded - before, "rss_run_bytes": max(resident()) - before}
print(json.dumps({"rss_before_bytes": before} | grown))
"""


def resident() -> tuple[int, int]:
    """Bytes of this process in memory: now, and at most so far. Where the system tells only the latter, that twice.

    >>> now, most = resident()
    >>> 0 < now <= most
    True
    """
    status = Path("/proc/self/status")
    if status.exists():  # Linux; its ru_maxrss would count the process that started this one
        fields = dict(re.findall(r"^(Vm\w+):\s+(\d+) kB", status.read_text(), re.M))
        return int(fields["VmRSS"]) * 1024, int(fields["VmHWM"]) * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return most, most


def measured(path: Path) -> dict[str, int]:
    """``rss_before_bytes`` of a process that has imported xnorkit, how much it grows by loading the file
    (``rss_load_bytes``), and by how much its peak after one run exceeds the start (``rss_run_bytes``). Pages of the
    mapped file that were touched count, code that was first used in between, too.

    Raises BenchError when the process fails.
    """
    command = [sys.executable, "-c", PROBE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError("bench", "the process that measures memory failed", got=done.stderr.strip()[-500:])
    found: dict[str, int] = json.loads(done.stdout)
    return found
