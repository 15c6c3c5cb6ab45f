"""Commands as processes of their own, on chosen cores: what they print, how long they take, and their peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RUNNER = """
import json, os, resource, subprocess, sys, time
command, cores = json.loads(sys.argv[1])
os.sched_setaffinity(0, cores)
begun = time.perf_counter()
done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, done.stdout.decode(), took, peak]))
"""
"""A small process in between: the peak memory of a process counts from that of the one that starts it."""


@dataclass(frozen=True)
class Done:
    """A process that has ended.

    Attributes:
        code: its exit status. told: what it printed. seconds: start to end [s]. memory: its peak [GB].
    """

    code: int
    told: str
    seconds: float
    memory: float


def run(command: Sequence[str], cores: int = 2, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command on so many cores."""
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    between = [sys.executable, "-I", "-S", "-c", RUNNER, json.dumps([[*command], chosen])]
    told = subprocess.run(between, check=True, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}).stdout
    code, printed, seconds, peak = json.loads(told)
    return Done(code, printed, seconds, peak / 1e9)
