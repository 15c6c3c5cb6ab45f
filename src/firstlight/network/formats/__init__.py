"""Fabrics and traffic as files: the packet simulator htsim's text, and tables."""

from __future__ import annotations

from firstlight.network.formats.fabric_file import FabricFile
from firstlight.network.formats.tables import read_flows, read_links, write_flows, write_links
from firstlight.network.formats.topo import read_topo
from firstlight.network.formats.topo_text import topo_text, write_topo
from firstlight.network.formats.traffic_text import read_traffic, traffic_text, write_traffic

__all__ = [
    "FabricFile", "read_flows", "read_links", "read_topo", "read_traffic", "topo_text", "traffic_text", "write_flows",
    "write_links", "write_topo", "write_traffic",
]  # fmt: skip
