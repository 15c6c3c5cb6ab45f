"""How often the factory breaks, and what that costs its runs in time."""

from __future__ import annotations

from firstlight.reliability.assess import assess, fabric_spares

__all__ = ["assess", "fabric_spares"]
