"""Kernels timed with CUDA events behind a cleared cache."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from firstlight.errors import SolverError
from firstlight.operate.measurement.jobs import CannotRun, Job
from firstlight.operate.measurement.on_torch import attention, library, passes, products

CLEARED = 512 * 2**20
"""Bytes that are written before each call, more than any last-level cache holds [B]; long enough for the host to launch
what comes next."""
WARM, FEWEST, MOST = 3, 5, 30
"""Calls before any is timed; fewest and most that are."""
EACH = 0.06
"""Time that the calls of one kernel should take in all [s]."""
SHORT = 1e-3
"""Below it a call is timed as a replayed graph too, free of the host [s]."""
SAMPLES = 40
"""Of a sustained series."""
MS, MHZ, MW = 1e-3, 1e6, 1e-3
BUILDERS: Mapping[str, Callable[[Any, str, Job], Callable[[], object]]] = {
    "gemm": products.inference,
    "training_gemm": products.training,
    "training_grouped": products.grouped,
    "context_attention": attention.forward,
    "generation_attention": attention.forward,
    "training_attention": attention.training,
    "training_passes": passes.training,
}
"""What makes a call of a job: given torch, a device and the job."""


class TorchBench:
    """The first GPU under PyTorch: a `Bench`."""

    def __init__(self) -> None:
        self._torch = library.load()
        self.framework = library.framework(self._torch)
        self._stream = self._torch.cuda.Stream()
        self._cleared = self._torch.empty(CLEARED, dtype=self._torch.int8, device="cuda")
        self._torch.manual_seed(0)
        gc.freeze()  # to capture a graph torch collects garbage, and need not look at all modules each time

    def seconds(self, job: Job) -> float:
        """As `Bench` says: the less of the medians of plain calls and of a graph's replays [s]."""
        return self._guarded(job, self._time)

    def sustained(self, job: Job, seconds: float) -> Sequence[Mapping[str, float]]:
        """As `Bench` says."""
        return self._guarded(job, lambda call: self._series(call, seconds))

    def _guarded(self, job: Job, timed: Callable[[Callable[[], object]], Any]) -> Any:
        try:
            with self._torch.cuda.stream(self._stream):
                return timed(BUILDERS[job.operation](self._torch, "cuda", job))
        except library.WRONG as error:
            reason = " ".join(str(error).split())
            if "CUDA error" in reason:
                raise SolverError(f"the GPU does not answer any more after {job.cells}: {reason[:200]}") from error
            raise CannotRun(reason[:200]) from error
        finally:
            self._torch.cuda.empty_cache()

    def _time(self, call: Callable[[], object]) -> float:
        for _ in range(WARM):
            call()
        once = self._median(call, WARM)
        repeats = int(min(max(EACH / max(once, SHORT / FEWEST), FEWEST), MOST))
        plain = self._median(call, repeats)
        graph = self._graph(call) if once < SHORT else None
        return min(plain, self._median(graph.replay, repeats)) if graph else plain

    def _median(self, call: Callable[[], object], repeats: int) -> float:
        events = [[self._torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeats)]
        for start, end in events:
            self._cleared.zero_()
            start.record()
            call()
            end.record()
        self._torch.cuda.synchronize()
        return statistics.median(start.elapsed_time(end) for start, end in events) * MS

    def _graph(self, call: Callable[[], object]) -> Any:
        """A graph of the call; None where it cannot be captured, as it waits for the host."""
        graph = self._torch.cuda.CUDAGraph()
        try:
            with self._torch.cuda.graph(graph, stream=self._stream):
                call()
        except library.WRONG:
            return None
        graph.replay()
        return graph

    def _series(self, call: Callable[[], object], seconds: float) -> Sequence[Mapping[str, float]]:
        for _ in range(WARM):
            call()
        calls = max(int(seconds / SAMPLES / self._median(call, FEWEST)), 1)
        began, found = time.monotonic(), []
        while time.monotonic() - began < seconds:
            start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(calls):
                call()
            end.record()
            driver = self._driver()
            end.synchronize()
            latency = start.elapsed_time(end) * MS / calls
            found.append({"elapsed": time.monotonic() - began, "latency": latency, **driver})
        return found

    def _driver(self) -> Mapping[str, float]:
        """Clock [Hz] and power [W] while the calls run, where the driver's library is there."""
        try:
            return {"clock": self._torch.cuda.clock_rate() * MHZ, "power": self._torch.cuda.power_draw() * MW}
        except (ImportError, *library.WRONG):
            return {}
