"""What the reliability room is told about the runs and the fabric."""

from __future__ import annotations

from dataclasses import dataclass

from firstlight.twin.result import Prediction


@dataclass(frozen=True)
class RunFacts:
    """One training run, before interruptions.

    Attributes:
        model: model id.
        accelerators: of the run.
        duration: uninterrupted [s].
        checkpoint_bytes: of one checkpoint: weights and optimizer state [B].
        storage_bandwidth: at which the whole run writes and reads checkpoints [B/s]; None: by the assumption.
        hot_spares: nodes that stand by for the run; None: as many as the assumed service level asks for.
    """

    model: str
    accelerators: int
    duration: Prediction
    checkpoint_bytes: float
    storage_bandwidth: float | None = None
    hot_spares: int | None = None


@dataclass(frozen=True)
class FabricCounts:
    """Parts of the scale-out fabric.

    Attributes:
        switches: of all tiers.
        leaf_switches: that accelerators hang on; a lost one stops the job. The tiers above are routed around.
        endpoint_links: links whose loss stops a job: one for each NIC port; in a torus all links.
        optics: transceiver modules.
        cables: of all tiers.
    """

    switches: int
    leaf_switches: int
    endpoint_links: int
    optics: int
    cables: int
