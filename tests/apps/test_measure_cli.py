"""`firstlight measure` as a user calls it where there is no GPU."""

from __future__ import annotations

import json
import sys
from itertools import count
from types import SimpleNamespace

import pytest

from firstlight.apps.cli import main as cli
from firstlight.operate.measurement import kernels
from firstlight.operate.measurement.on_torch import bench, steps
from firstlight.operate.measurement.stacks import STEPS, Timed


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main([str(one) for one in arguments])
    return int(done.value.code or 0), *capsys.readouterr()


@pytest.mark.parametrize("what", ["kernels", "training"])
def test_without_torch_the_install_line_is_told(what, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, told = run("measure", what, "--accelerator", "h100", "--out", tmp_path / "out", capsys=capsys)
    assert code == 3
    assert "pip install 'firstlight[measure]'" in told
    assert not (tmp_path / "out").exists()


def test_an_unknown_accelerator(tmp_path, capsys):
    code, _, told = run("measure", "training", "--accelerator", "h1000", "--out", tmp_path, capsys=capsys)
    assert code == 2
    assert "h1000" in told


def test_rows_of_each_table_are_told(tmp_path, monkeypatch, capsys):
    class Fake:
        framework = "torch/2.11.0"

        def step(self, _):
            return Timed(0.1, 1, 1)

    monkeypatch.setattr(steps, "TorchSteps", Fake)
    code, text, _ = run(
        "measure", "training", "--accelerator", "h100", "--out", tmp_path, "--json", "--quiet", capsys=capsys
    )
    assert code == 0
    assert json.loads(text)["training.csv"] == len(STEPS)
    assert "nvidia-h100-sxm-80gb-" in (tmp_path / "training.csv").read_text("utf-8")


def test_kernels_that_are_not_begun(tmp_path, monkeypatch, capsys):
    class Fake:
        framework = "torch/2.11.0"

        def seconds(self, _):
            return 1e-3

    monkeypatch.setattr(bench, "TorchBench", Fake)
    monkeypatch.setattr(kernels, "time", SimpleNamespace(monotonic=count(step=0.3).__next__))
    code, text, told = run(
        "measure", "kernels", "--accelerator", "h100", "--out", tmp_path, "--sustain", "0", "--seconds", "1",
        capsys=capsys,
    )  # fmt: skip
    assert code == 0
    assert "gemm" in text
    assert "time is over" in told
