"""Traffic as flows, and what max-min fairness makes of it: rates and completion times of millions of flows."""

from __future__ import annotations

from firstlight.network.flows.traffic import After, Traffic, traffic

__all__ = ["After", "Traffic", "traffic"]
