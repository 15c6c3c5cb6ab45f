"""Fabrics and flows handed to htsim and read back: the same, or refused because the format has no word for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstlight.errors import DocumentError, UsageError
from firstlight.network.flows import patterns
from firstlight.network.flows.traffic import Traffic, merge, traffic, waits
from firstlight.network.formats import (
    FabricFile,
    read_flows,
    read_topo,
    read_traffic,
    topo_text,
    traffic_text,
    write_flows,
    write_links,
    write_topo,
    write_traffic,
)
from firstlight.network.transport.fabric import Latency

from ..test_topology import fabrics
from ..topology.kinds import build

MB = 1e6


def assert_same(one: Traffic, other: Traffic) -> None:
    for field in ("source", "target"):
        assert np.array_equal(getattr(one, field), getattr(other, field))
    assert np.allclose(one.size, other.size, atol=0.5)
    assert np.allclose(one.start, other.start, atol=1e-12)
    for f in range(len(one)):
        before, after = (set(t.after.indices[t.after.indptr[f] : t.after.indptr[f + 1]].tolist()) for t in (one, other))
        assert before == after


CHAINED = {
    "ring": lambda: patterns.ring(np.arange(6), MB, 10),
    "windowed all-to-all": lambda: patterns.all_to_all(np.arange(9), MB, 3),
    "caches": lambda: patterns.handover([0, 1, 0], [4, 5, 6], 3 * MB, [0.0, 0.0, 0.0], 4),
    "a step": lambda: patterns.step(np.arange(8).reshape(4, 2), MB, 8 * MB, 3),
    "jobs": lambda: merge(patterns.ring(np.arange(3), MB, 4), patterns.permutation(9, MB, 1)),
}


@pytest.mark.parametrize("name", CHAINED)
def test_flows_with_waits_there_and_back(tmp_path, name):
    flows = CHAINED[name]()
    write_traffic(flows, tmp_path / "a.cm", 9)
    assert_same(flows, read_traffic(tmp_path / "a.cm", 9))
    write_flows(flows, tmp_path / "a.csv", 9)
    again = read_flows(tmp_path / "a.csv", 9)
    assert_same(flows, again)
    assert np.array_equal(flows.chain, again.chain)


def test_what_is_passed_on_waits_until_it_is_received():
    """In a ring 1 -> 2 goes on when 0 -> 1 has been received and its own last message has been sent."""
    text = traffic_text(patterns.ring(np.arange(3), MB, 2), 3)
    lines = {line.split()[0]: line for line in text.splitlines() if "start 0" in line}
    later = {line.split()[0]: line.split()[4] for line in text.splitlines() if " trigger " in line and "->" in line}
    assert f"recv_done_trigger {later['1->2']}" in lines["0->1"]
    assert f"send_done_trigger {later['0->1']}" in lines["0->1"]
    assert f"trigger id {later['1->2']} barrier count 2" in text


def test_a_flow_fires_two_triggers_at_most():
    fan = traffic([0, 1, 1, 1], [1, 2, 3, 4], MB, after=waits([1, 2, 2, 3, 3], [0, 0, 1, 0, 2], 4))
    with pytest.raises(UsageError, match=r"flow 0 sets off 3 different sets of flows, .* as .csv or .parquet"):
        traffic_text(fan, 8)
    together = traffic([0, 1, 1, 1], [1, 2, 3, 4], MB, after=waits([1, 2, 3], [0, 0, 0], 4))
    assert traffic_text(together, 8).count("recv_done_trigger") == 1


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fabrics(), st.integers(0, 100))
def test_a_fabric_is_the_same_or_refused(tmp_path, fabric, seed):
    rng = np.random.default_rng(seed)
    latency = Latency(rng.random(len(fabric.bundles)) * 1e-6, rng.random(len(fabric.tiers)) * 1e-6)
    share = np.where(rng.random(2 * fabric.links) < 0.05, rng.random(2 * fabric.links).round(4), 1.0)
    try:
        write_topo(FabricFile(fabric, latency, share), tmp_path / "a.topo")
    except UsageError as refused:
        if ".topo file" in str(refused) and "Write its links as" in str(refused):
            return
        raise
    again = read_topo(tmp_path / "a.topo")
    assert again.topology.shape.stages == fabric.shape.stages
    assert [b.bandwidth for b in again.topology.bundles] == pytest.approx([b.bandwidth for b in fabric.bundles])
    assert np.allclose(again.latency.links, latency.links, atol=1e-13)
    assert np.allclose(again.share, share)
    every = np.arange(fabric.endpoints)
    assert all(np.array_equal(a, b) for a, b in zip(again.topology.attach(every), fabric.attach(every), strict=True))


def test_a_clos_is_told():
    """So that the test above does not only refuse."""
    fabric: Any = build("clos", 1024, 1, 16)
    text = topo_text(FabricFile(fabric, Latency(np.full(3, 5e-7), np.full(3, 3e-7)), np.ones(2 * fabric.links)))
    assert "Nodes 1024" in text
    assert "Tiers 3" in text


@pytest.mark.parametrize(
    ("fabric", "told"),
    [
        (("dragonfly", 72, 1), "this is a dragonfly"),
        (("clos", 16, 1, 16), "this clos fabric has 1 tier"),
        (("rail-optimised", 128, 8, 16), "endpoints that go to leaves by rail"),
        (("clos", 100, 1, 16), r"100 endpoints on 13 leaves are not; with 104"),
    ],
)
def test_fabrics_without_words_are_told(tmp_path, fabric, told):
    made: Any = build(*fabric)
    latency = Latency(np.full(len(made.bundles), 5e-7), np.full(len(made.tiers), 3e-7))
    with pytest.raises(UsageError, match=told):
        topo_text(FabricFile(made, latency, np.ones(2 * made.links)))
    write_links(made, np.ones(2 * made.links), tmp_path / "links.csv")
    assert len((tmp_path / "links.csv").read_text().splitlines()) == made.links + 1


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.tm"])
def test_a_folder_that_is_not_there_is_told(tmp_path, name):
    with pytest.raises(UsageError, match=r"cannot write .*none.*make its folder"):
        write_flows(traffic([0], [1], MB), tmp_path / "none" / name, 8)
    fabric: Any = build("clos", 64, 1, 16)
    whole = FabricFile(fabric, Latency(np.full(2, 5e-7), np.full(2, 3e-7)), np.ones(2 * fabric.links))
    with pytest.raises(UsageError, match="cannot write"):
        write_topo(whole, tmp_path / "none" / "a.topo")


HEAD = "source,target,size_bytes,start_s,after,chain\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "0,1,1000,0,99999999999,\n", r"(?s)a.csv:2.*after: row 99999999999 does not exist"),
        (HEAD + "99999999999,1,1000,0,,\n", r"the source 99999999999; numbers are 0 to"),
        (HEAD + "0,1,1000,0,,4294967297\n", r"(?s)a.csv:2.*chain 4294967297 is beyond"),
        ("source,target,size_bytes,target\n0,1,1000,2\n", 'column "target" is there twice'),
        (HEAD + "0,1,1000,0,\n", r"(?s)a.csv:2.*5 cells"),
    ],
)
def test_tables_that_cannot_be_are_refused(tmp_path, text, told):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DocumentError, match=told):
        read_flows(tmp_path / "a.csv")


def test_a_table_from_a_spreadsheet_is_read(tmp_path):
    """With a byte order mark, a blank line at the end, and a queue pair that only some name."""
    (tmp_path / "a.csv").write_bytes(("\ufeff" + HEAD + "0,1,1000,0,,4\n1,2,1000,0,0,\n\n").encode())
    found = read_flows(tmp_path / "a.csv", 8)
    assert found.source.tolist() == [0, 1]
    assert found.chain.tolist() == [4, 5]


def test_a_broken_archive_is_told(tmp_path):
    (tmp_path / "a.tm.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 40)
    with pytest.raises(DocumentError, match="cannot be read"):
        read_traffic(tmp_path / "a.tm.gz")


def test_traffic_of_another_fabric_is_told(tmp_path):
    write_traffic(traffic([0], [1], MB), tmp_path / "a.tm", 8)
    with pytest.raises(DocumentError, match="Nodes says 8, and the fabric has 16 endpoints"):
        read_traffic(tmp_path / "a.tm", 16)
