"""What every document has in common: frozen, no unknown keys, a field's docstring is its help."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """The base of every document and part of a document."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        populate_by_name=True,
    )
