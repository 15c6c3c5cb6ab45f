"""Topologies and traffic in htsim's text: there and back, and what is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from firstlight.errors import DocumentError, UsageError
from firstlight.network.flows.traffic import traffic, waits
from firstlight.network.formats import (
    read_flows,
    read_links,
    read_topo,
    read_traffic,
    topo_text,
    write_flows,
    write_links,
    write_topo,
    write_traffic,
)

LEAF_SPINE = """\
# leaf-spine, 2:1
Nodes 32
Tiers 2
Podsize 32

Tier 0
Downlink_speed_Gbps 400
Radix_Down 8
Radix_Up 4
Oversubscribed 2
Downlink_Latency_ns 500
Switch_Latency_ns 300

Tier 1
Downlink_speed_Gbps 800
Radix_Down 4
Downlink_Latency_ns 700
Switch_Latency_ns 250
"""


def topo(tmp_path, text):
    file = tmp_path / "a.topo"
    file.write_text(text)
    return read_topo(file)


def test_a_topology_there_and_back(tmp_path):
    fabric = topo(tmp_path, LEAF_SPINE.replace("Oversubscribed 2", "Oversubscribed 1"))
    assert fabric.topology.shape.switches == (4, 4)
    assert [bundle.bandwidth for bundle in fabric.topology.bundles] == [50e9, 100e9]
    assert fabric.latency.links == pytest.approx([500e-9, 700e-9])
    fabric.share[7] = 0.5
    write_topo(fabric, tmp_path / "b.topo")
    again = read_topo(tmp_path / "b.topo")
    assert again.topology == fabric.topology
    assert np.array_equal(again.share, fabric.share)
    assert topo_text(again) == topo_text(fabric)


def test_slow_spines_and_cores_stand_in_comments(tmp_path):
    text = "# degraded: every link of the first 2 spine(s) runs at 25 % (both directions)\n" + LEAF_SPINE
    fabric = topo(tmp_path, text.replace("Oversubscribed 2", "Oversubscribed 1"))
    slow = np.flatnonzero(fabric.share == 0.25)
    assert len(slow) == 2 * 2 * 4
    _, upper = fabric.topology.ends(1, slow[slow < fabric.topology.links] - fabric.topology.offsets[1])
    assert set(upper) == {0, 1}
    with pytest.raises(DocumentError, match=r"(?s)a.topo:1.*5 spines, and there are 4"):
        topo(tmp_path, text.replace("first 2", "first 5").replace("Oversubscribed 2", "Oversubscribed 1"))
    with pytest.raises(DocumentError, match="not understood"):
        topo(tmp_path, "# degraded: a few links\n" + LEAF_SPINE.replace("Oversubscribed 2", "Oversubscribed 1"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Oversubscribed 2", "Oversubscribed 4", "8 x 400 down over 4 x 800 up is 1"),
        ("Downlink_speed_Gbps 400", "Downlink_speed_Gbps 400Gb/s", r"(?s)a.topo:7.*has a unit"),
        ("Downlink_speed_Gbps 400", "Downlink_speed_Gbps 400000000000", r"(?s)a.topo:7.*faster than any link"),
        ("Downlink_speed_Gbps 400", "Downlink_speed_Gbps 100000", r"(?s)a.topo:7.*faster than any link.*Write 100"),
        ("Downlink_speed_Gbps 400", "Downlink_speed_Gbps 25000", r"(?s)a.topo:7.*faster than any link.*Write 25"),
        ("Downlink_Latency_ns 500", "Downlink_Latency_ns 0.0005", r"(?s)a.topo:11.*in ns"),
        ("Radix_Up 4", "Radix_Upp 4", r'(?s)a.topo:9.*Did you mean "Radix_Up"'),
        ("Podsize 32", "Podsize 30", "Podsize 30 is no multiple of Radix_Down of tier 0 8"),
        ("Radix_Down 4", "Radix_Down 8", "each leaf has 4 uplinks"),
        ("Radix_Down 4\n", "", "Radix_Down of tier 1: missing"),
        ("Nodes 32\n", "", "Nodes in the header: missing"),
    ],
)
def test_topologies_that_do_not_fit_together_are_refused(tmp_path, old, new, told):
    with pytest.raises(DocumentError, match=told):
        topo(tmp_path, LEAF_SPINE.replace(old, new))


TRAFFIC = """\
Nodes 8
Connections 3
Triggers 1
0->1 id 1 start 0 size 1000 send_done_trigger 1
2->1 id 2 start 5000000 size 2000 send_done_trigger 1
1->3 id 3 trigger 1 size 3000
trigger id 1 barrier count 2
"""


def flows(tmp_path, text):
    file = tmp_path / "a.tm"
    file.write_text(text)
    return read_traffic(file)


def test_traffic_is_read_in_bytes_and_picoseconds(tmp_path):
    found = flows(tmp_path, TRAFFIC)
    assert found.size.tolist() == [1000, 2000, 3000]
    assert found.start == pytest.approx([0, 5e-6, 0])
    assert found.after.indices.tolist() == [0, 1]
    assert found.after.indptr.tolist() == [0, 0, 0, 2]


@pytest.mark.parametrize("name", ["b.tm", "b.tm.gz", "b.csv", "b.parquet"])
def test_traffic_there_and_back(tmp_path, name):
    found = traffic([0, 1, 2], [1, 2, 3], [1e6, 2e6, 3e6], [0, 1e-6, 0], waits([2, 2], [0, 1], 3))
    (write_flows if "tm" not in name else write_traffic)(found, tmp_path / name, 8)
    again = read_flows(tmp_path / name, 8)
    for field in ("source", "target", "size", "start"):
        assert getattr(again, field) == pytest.approx(getattr(found, field))
    assert again.after.indices.tolist() == [0, 1]
    if name.endswith("gz"):
        assert gzip.decompress((tmp_path / name).read_bytes()).startswith(b"Nodes 8")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1->3", "1->8", r"(?s)a.tm:6.*endpoint 8 does not exist"),
        ("id 2", "id 1", r"(?s)a.tm:5.*flow id 1 is there twice, first on line 4"),
        ("size 3000", "size 3KB", r"(?s)a.tm:6.*has a unit"),
        ("size 3000", "", "size is missing"),
        ("trigger 1 size", "trigger 1 start 0 size", "either a start or a trigger"),
        ("barrier count 2", "oneshot", "barrier count 2"),
        ("Connections 3", "Connections 4", "Connections says 4, and there are 3"),
        ("trigger id 1 barrier count 2\n", "", "Triggers says 1"),
        ("start 0 size 1000", "trigger 1 size 1000", "wait for each other in a circle"),
        ("0->1 id 1", "0->1 idd 1", '"idd" is not one of'),
    ],
)
def test_traffic_that_cannot_be_is_refused(tmp_path, old, new, told):
    with pytest.raises(DocumentError, match=told):
        flows(tmp_path, TRAFFIC.replace(old, new))


def test_links_there_and_back(tmp_path):
    fabric = topo(tmp_path, LEAF_SPINE.replace("Oversubscribed 2", "Oversubscribed 1"))
    fabric.share[3] = 0.25
    for name in ("links.csv", "links.parquet"):
        write_links(fabric.topology, fabric.share, tmp_path / name)
        assert np.array_equal(read_links(tmp_path / name, fabric.topology), fabric.share)
    (tmp_path / "links.csv").write_text("link,share_up,share_down\n99,1,1\n")
    with pytest.raises(DocumentError, match=r"(?s)links.csv:2.*link 99 does not exist"):
        read_links(tmp_path / "links.csv", fabric.topology)


def test_files_that_are_not_there_are_told(tmp_path):
    with pytest.raises(DocumentError, match="cannot be read"):
        read_topo(tmp_path / "none.topo")
    with pytest.raises(DocumentError, match="cannot be read"):
        read_flows(tmp_path / "none.csv")


def test_what_the_text_has_no_word_for_is_refused(tmp_path):
    later = traffic([0, 1], [1, 2], 1e6, [0, 1e-6], waits([1], [0], 2))
    with pytest.raises(UsageError, match="start of its own"):
        write_traffic(later, tmp_path / "b.tm", 8)
