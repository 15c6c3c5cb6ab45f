"""`firstlight network simulate`: files, patterns, broken links, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firstlight.apps.cli.main import main

NETWORK = Path(__file__).parents[2] / "measurements" / "network"
TOPO = str(NETWORK / "topo" / "ft3_54_k6.topo")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["network", "simulate", *arguments])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_traffic_of_a_file_over_a_topology_file(capsys):
    tm = str(NETWORK / "tm" / "incast_54_16to1_1MB_s40.tm.gz")
    code, out, _ = run(capsys, "--topo", TOPO, "--traffic", tm, "--routing", "reps", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["flows"] == 16
    assert found["makespan"]["p10"] < found["makespan"]["p50"] < found["makespan"]["p90"]
    assert len(found["completion"]) == 16
    assert found["units"]["makespan"] == "s"


def test_a_pattern_over_broken_links_in_words(capsys):
    code, out, _ = run(capsys, "--topo", TOPO, "--traffic", "permutation:64kB", "--fail", "leaf-spine:3")
    assert code == 0
    assert "54 flows over 54 endpoints" in out
    assert "makespan" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--traffic", "permutation:8MB"], "either a plan FILE or --topo"),
        (["--topo", TOPO, "--traffic", "permutation"], "permutation:8MB"),
        (["--topo", TOPO, "--traffic", "permutaton:8MB"], 'Did you mean "permutation"'),
        (["--topo", TOPO, "--traffic", "permutation:8"], "8"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spin:3"], 'Did you mean "leaf-spine"'),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spine"], "leaf-spine:3"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--fail", "leaf-spine:999"], "has 54 links"),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--routing", "sprai"], 'Did you mean "spray"'),
        (["--topo", TOPO, "--traffic", "shift:1MB", "--set", "a=b"], "--set changes a plan"),
    ],
)
def test_wrong_usage_is_refused(capsys, arguments, told):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert told in err
