"""What every catalogue part has: an id, aliases, and where each of its numbers is from."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import Field, model_validator

from firstlight.spec.assumptions import Standing
from firstlight.spec.document import Document
from firstlight.spec.quantity import Money

PartStanding = Standing | Literal["user"]
"""How far a part's number can be trusted."""


class Provenance(Document):
    """Where a number is from, and how far it can be trusted."""

    source: str
    """A publication, page or standard."""
    standing: PartStanding
    """vendor: the maker says so. measured: somebody measured it. published: a third party says so. estimate: ours.
    user: a document of the user's says so, and nothing more."""
    note: str = ""
    """What is weak about it."""


class Part(Document):
    """One part of the catalogue.

    In the file a number is a quantity ("700 W"), which then has the part's own source and standing, or a mapping
    `{value: 700 W, source: ..., standing: ..., note: ...}` with its own. Attributes are plain SI floats either way.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$", max_length=80)
    """Lower case, vendor first: "nvidia-h100-sxm-80gb"."""
    name: str
    """As the maker writes it."""
    aliases: tuple[str, ...] = ()
    """Other names that find this part, whatever their case."""
    vendor: str
    source: str
    """Default source of the part's numbers."""
    standing: PartStanding
    """Default standing of the part's numbers."""
    note: str = ""
    price: Money | None = None
    """Of one unit [USD]."""
    facts: dict[str, Provenance] = {}
    """Source and standing of the numbers that have their own. Filled from the file."""

    @model_validator(mode="before")
    @classmethod
    def _split_facts(cls, data: Any) -> Any:
        """Take {value, source, standing, note} apart into the value and its provenance."""
        if not isinstance(data, dict):
            return data
        raw = cast("dict[str, Any]", data)
        plain, facts = dict(raw), dict(raw.get("facts") or {})
        for key, entry in raw.items():
            if key != "facts" and isinstance(entry, dict) and "value" in entry:
                fact = dict(cast("dict[str, Any]", entry))
                plain[key] = fact.pop("value")
                facts[key] = {"source": raw.get("source"), "standing": raw.get("standing"), **fact}
        return {**plain, "facts": facts}

    def provenance(self, field: str) -> Provenance:
        """Source and standing of one number of this part."""
        return self.facts.get(field) or Provenance(source=self.source, standing=self.standing, note=self.note)
