"""The timer on a fake PyTorch, and every kernel built on a real one where it is installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from firstlight.errors import MissingExtraError, SolverError, UsageError
from firstlight.operate.measurement import stacks
from firstlight.operate.measurement.jobs import CannotRun, Job
from firstlight.operate.measurement.kernels import OPERATIONS
from firstlight.operate.measurement.on_torch import bench, library, steps

JOB = Job("gemm", "a kernel", {"gemm_dtype": "bfloat16", "m": 16, "n": 16, "k": 16})
SMALL = {"m": 64, "n": 128, "k": 64, "batch_size": 1, "num_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
         "rows": 64, "columns": 256, "num_experts": 4}  # fmt: skip


class Context:
    """Anything that `with` takes."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


class Event:
    """Tells the times it is given, one after another [ms]."""

    times: list[float] = []

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self):
        pass

    def elapsed_time(self, _):
        return Event.times[0] if len(Event.times) == 1 else Event.times.pop(0)


@pytest.fixture
def torch(monkeypatch):
    """As much of PyTorch as the timer needs."""
    cuda = SimpleNamespace(
        is_available=lambda: True, Stream=Context, stream=Context, Event=Event, graph=Context,
        CUDAGraph=lambda: SimpleNamespace(replay=lambda: None), synchronize=lambda: None, empty_cache=lambda: None,
    )  # fmt: skip
    fake = SimpleNamespace(
        __version__="2.11.0+cu130", cuda=cuda, int8=None, manual_seed=lambda _: None,
        empty=lambda *_, **__: SimpleNamespace(zero_=lambda: None),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


def test_the_less_of_plain_calls_and_replays(torch, monkeypatch):
    monkeypatch.setitem(bench.BUILDERS, "gemm", lambda *_: lambda: None)
    timer = bench.TorchBench()
    assert timer.framework == "torch/2.11.0"
    # Three calls to see how long one takes, as many as the time allows (30), and as many replays.
    Event.times = [*[0.5] * 3, *[0.5] * 29, 9.0, 0.4]
    assert timer.seconds(JOB) == pytest.approx(0.4e-3)
    Event.times = [2.0]
    assert timer.seconds(JOB) == pytest.approx(2e-3)


@pytest.mark.parametrize(
    ("message", "error"), [("out of memory", CannotRun), ("CUDA error: an illegal memory access", SolverError)]
)
def test_what_does_not_run(torch, monkeypatch, message, error):
    def broken(*_):
        raise RuntimeError(message)

    monkeypatch.setitem(bench.BUILDERS, "gemm", broken)
    with pytest.raises(error, match=message.split(":")[0]):
        bench.TorchBench().seconds(JOB)


def test_every_operation_has_a_builder():
    assert set(bench.BUILDERS) == set(OPERATIONS)


def test_without_torch_and_without_a_gpu(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"firstlight\[measure\]"):
        library.load()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)))
    with pytest.raises(UsageError, match="no GPU"):
        library.load()


def test_every_kernel_is_built_on_the_processor():
    torch = pytest.importorskip("torch")
    seen = set()
    for job in (job for make in OPERATIONS.values() for job in make()):
        kind = (job.operation, job.cells.get("gemm_dtype"), job.cells.get("direction"), job.cells.get("op_name"))
        # cuDNN, the compiler and sums into fp32 inside a product need a GPU.
        if kind in seen or job.kernel in ("cudnn", "compiled") or "wgrad_fp32" in kind:
            continue
        seen.add(kind)
        cells = {name: SMALL.get(name, value) for name, value in job.cells.items()}
        cells |= {name: 64 for name in ("isl", "step") if int(cells.get(name, 0)) > 1}
        bench.BUILDERS[job.operation](torch, "cpu", Job(job.operation, job.kernel, cells))()
    assert len(seen) > 25


@pytest.mark.parametrize("experts", [0, 8])
def test_a_step_learns(experts):
    torch = pytest.importorskip("torch")
    stack = stacks.Stack("small", 2, 256, 2, 1, 256, 512, experts, 2 if experts else 0)
    call = steps.once(torch, "cpu", stacks.Step(stack, 32, 1, 2))
    call()
    call()
