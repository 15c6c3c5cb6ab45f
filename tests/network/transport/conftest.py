"""Small fabrics to send packets over."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight.network.formats import FabricFile, read_topo

FAT_TREE = """\
Nodes 16
Tiers 3
Podsize 4
Tier 0
Downlink_speed_Gbps 400
Radix_Down 2
Radix_Up 2
Downlink_Latency_ns 500
Switch_Latency_ns 300
Tier 1
Downlink_speed_Gbps 400
Radix_Down 2
Radix_Up 2
Downlink_Latency_ns 500
Switch_Latency_ns 300
Tier 2
Downlink_speed_Gbps 400
Radix_Down 4
Downlink_Latency_ns 500
Switch_Latency_ns 300
"""


@pytest.fixture
def fat_tree(tmp_path: Path) -> FabricFile:
    """16 endpoints, 8 leaves, 4 pods, at 400 Gb/s with 500 ns a link and 300 ns a switch."""
    file = tmp_path / "fat_tree.topo"
    file.write_text(FAT_TREE)
    return read_topo(file)
