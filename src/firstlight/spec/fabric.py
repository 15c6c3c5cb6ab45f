"""The fabric of a design: which kind of network joins the nodes, and what each kind needs to be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from firstlight.spec.document import Document
from firstlight.spec.quantity import Bandwidth, Length

FabricKind = Literal[
    "clos", "rail-optimised", "rail-only", "dual-tor", "dragonfly", "slim-fly", "hyperx", "torus"
]  # fmt: skip
FOLDED: tuple[FabricKind, ...] = ("clos", "rail-optimised", "rail-only", "dual-tor")
"""Kinds built of tiers: they have a taper, pods, spines."""

Taper = Annotated[float, Field(ge=1 / 64, le=64)]
Sizes = Annotated[int, Field(ge=1, le=100_000_000)]
Along = Annotated[int, Field(ge=1, le=4096)]


class DragonflyDesign(Document):
    """Groups of switches, each joined to all others of its group; groups joined by global links (Kim et al. 2008)."""

    p: int = Field(ge=1, le=4096)
    """Endpoints of a switch."""
    a: int = Field(ge=1, le=4096)
    """Switches of a group."""
    h: int = Field(ge=0, le=4096)
    """Global links of a switch. Balanced: a = 2p = 2h."""
    g: int | None = Field(default=None, ge=1, le=16_777_216)
    """Groups, at most a x h + 1. Left out: as few as hold the endpoints."""


class SlimFlyDesign(Document):
    """Switches of which any two are at most two links apart (McKay, Miller, Siran; Besta and Hoefler 2014)."""

    q: int = Field(ge=2, le=1024)
    """A prime power: 2 q^2 switches with (3q - d) / 2 links to others, where q = 4w + d and d is -1, 0 or 1."""
    p: int | None = Field(default=None, ge=1, le=4096)
    """Endpoints of a switch. Left out: as few as hold the endpoints."""


class HyperXDesign(Document):
    """Switches in a lattice, each joined to all others along every dimension (Ahn et al. 2009)."""

    dimensions: tuple[Along, ...] = Field(min_length=1, max_length=8, examples=[[16, 16]])
    """Switches along each dimension."""
    widths: tuple[Along, ...] | None = Field(default=None, min_length=1, max_length=8, examples=[[1, 2]])
    """Parallel links between two switches of each dimension. Left out: 1."""
    p: int | None = Field(default=None, ge=1, le=4096)
    """Endpoints of a switch. Left out: as few as hold the endpoints."""


class SliceDesign(Document):
    """Cubes of a torus that optical circuit switches join to a torus of their own."""

    dimensions: tuple[Along, Along, Along] = Field(examples=[[4, 4, 8]])
    """Accelerators along each dimension: multiples of a cube's side, 4."""
    cubes: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] | None = Field(default=None, examples=[[3, 17]])
    """Numbers of the cubes, from 0, in the order of their places, the last dimension quickest. Left out: the next
    free."""
    twisted: bool = False
    """The wrap of the short dimensions is shifted along the long ones by half of them (k x k x 2k, k x 2k x 2k)."""


class TorusDesign(Document):
    """The shape of a torus, or of the slices that its cubes are joined to."""

    dimensions: tuple[Along, Along, Along] | None = Field(default=None, examples=[[8, 16, 32]])
    """Accelerators along each of the three dimensions. Left out: as near to a cube as they go."""
    twisted: bool = False
    """See `SliceDesign.twisted`; of the whole torus."""
    slices: tuple[SliceDesign, ...] | None = Field(default=None, min_length=1, max_length=100_000)
    """Tori of whole cubes side by side, without a path between them; in place of `dimensions`."""


class SitesDesign(Document):
    """Equal sites, each with a fabric of its own, whose top switches are joined by long links."""

    count: int = Field(ge=2, le=1024)
    """Sites that the endpoints are spread over, evenly."""
    taper: Taper = 8.0
    """Downlinks over long links of a top switch."""
    link: Bandwidth | None = None
    """Of one long link, one direction. Left out: that of the fabric's links."""
    length: Length
    """Of the fibre between two sites."""


class FabricDesign(Document):
    """The scale-out network that joins the nodes."""

    kind: FabricKind | None = None
    """Clos: any node port to any leaf. Rail-optimised: a node's k-th NIC to the k-th rail's leaf. Rail-only: the same,
    without a path between rails. Dual-tor: rail-optimised, each NIC port split over the two leaves of a pair; with
    `planes: 2` what is above the leaves is two networks. Dragonfly, slim-fly, hyperx: switches joined directly. Torus:
    each accelerator to its neighbours in three dimensions, no switches."""
    link: Bandwidth | None = None
    """One NIC port of an accelerator. Left out: what the system's NIC has."""
    switch: str | None = Field(default=None, min_length=1, max_length=200, examples=["nvidia-sn5600"])
    """Switch id of the catalogue."""
    spine_switch: str | None = Field(default=None, min_length=1, max_length=200, examples=["arista-7816r4"])
    """Switch id of the tiers above the leaves. Left out: as `switch`."""
    planes: int | None = Field(default=None, ge=1, le=64)
    """Independent planes that each NIC port is split over (each at 1/planes of the link)."""
    taper: Taper | tuple[Taper, ...] | None = Field(default=None, examples=[[1, 2]])
    """Downlinks over uplinks of a leaf: 1 is non-blocking, 2 is 2:1, below 1 more go up than down. A list: of a leaf,
    of the switches of the next tier, ...; 1 in the tiers that it does not name."""
    groups: tuple[Sizes, ...] | None = Field(default=None, min_length=1, max_length=3, examples=[[1024, 8192]])
    """Endpoints on one leaf (on the leaves of one unit of rails), on one pod, ..., from the leaves up. Left out: as
    many as the switches hold."""
    trunk: int | None = Field(default=None, ge=1, le=4096)
    """Most parallel links between a leaf and a spine. Left out: as many as the fewest spines need."""
    dragonfly: DragonflyDesign | None = None
    """Of a dragonfly. Left out: balanced (a = 2p = 2h), with the fewest switches."""
    slim_fly: SlimFlyDesign | None = None
    """Of a slim fly. Left out: the least that holds the endpoints at full bandwidth."""
    hyperx: HyperXDesign | None = None
    """Of a HyperX. Left out: as few dimensions, all of one length, as the switch's ports allow."""
    torus: TorusDesign | None = None
    """Of a torus. Left out: as near to a cube as it goes."""
    sites: SitesDesign | None = None
    """Several sites, each with a fabric of this kind. Left out: one site."""


_OWN: Mapping[str, FabricKind] = {
    "dragonfly": "dragonfly", "slim_fly": "slim-fly", "hyperx": "hyperx", "torus": "torus",
}  # fmt: skip
"""Fields of one kind."""


def without_effect(design: FabricDesign) -> list[tuple[str, str]]:
    """Fields that would change nothing on this kind of fabric, each with the reason ("on a torus")."""
    kind = design.kind
    if kind is None:
        return []
    here = f"on a {kind}"
    own = {name for name, of in _OWN.items() if of != kind}
    own |= set() if kind in FOLDED else {"taper", "groups", "trunk", "spine_switch", "sites"}
    own |= {"switch", "planes"} if kind == "torus" else set()
    neutral = {"planes": 1, "taper": 1.0}
    found = [name for name in FabricDesign.model_fields if name in own]
    return [(name, here) for name in found if getattr(design, name) not in (None, neutral.get(name))]
