"""What every result has in common: fields that know their unit, and ways to show themselves."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
from importlib import import_module
from typing import Any, cast

import numpy as np

from firstlight import units
from firstlight.errors import MissingExtraError
from firstlight.spec.document import Document

_DIMENSIONS = {kind.si: name for name, kind in reversed([*units.DIMENSIONS.items()]) if kind.si}


def quantity(unit: str, meaning: str) -> Any:
    """A field of a result: its unit ("s", "B/s", "" for a plain number) and what it is."""
    return dataclasses.field(metadata={"unit": unit, "meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A predicted number with its interval: one time in ten it is below `p10`, one time in ten above `p90`.

    Attributes:
        p10, p50, p90: in the unit of the field that holds it.
        calibrated: the case lies inside the range that the interval was learnt on.
        basis: what the interval rests on.
    """

    p10: float
    p50: float
    p90: float
    calibrated: bool
    basis: str

    @classmethod
    def within(cls, p50: float, half_width: float, *, calibrated: bool, basis: str) -> Prediction:
        """Log-normal interval: P10 and P90 lie a factor exp(half_width) either side of the median."""
        factor = float(np.exp(half_width))
        return cls(p50 / factor, p50, p50 * factor, calibrated, basis)

    def scaled(self, factor: float) -> Prediction:
        """The same prediction of `factor` times the number (for a rate from a time use `inverse`)."""
        low, high = sorted((self.p10 * factor, self.p90 * factor))
        return Prediction(low, self.p50 * factor, high, self.calibrated, self.basis)

    def plus(self, other: Prediction) -> Prediction:
        """The prediction of the sum of both numbers; both are off the same way."""
        basis = self.basis if self.basis == other.basis else f"{self.basis}; {other.basis}"
        return Prediction(
            self.p10 + other.p10, self.p50 + other.p50, self.p90 + other.p90, self.calibrated and other.calibrated,
            basis,
        )  # fmt: skip

    def inverse(self, numerator: float = 1.0) -> Prediction:
        """The prediction of numerator / number."""
        return Prediction(numerator / self.p90, numerator / self.p50, numerator / self.p10, self.calibrated, self.basis)


def plain(value: Any) -> Any:
    """A result's value as JSON has it: numbers, texts (dates too), lists and mappings; NaN and infinities are None."""
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        numeric = array.dtype.kind in "iufb" and bool(np.isfinite(array).all())
        return array.tolist() if numeric else plain(array.tolist())  # a year of hours needs no look at each
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in cast("tuple[Any, ...]", value)]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Document):
        return value.model_dump(mode="json", exclude_none=True)
    return value


def show(value: Any, unit: str) -> str:
    """A result's value in words: "12.4 MW", "3.1 h (2.6 h to 3.9 h)", "8,760 values"."""
    if isinstance(value, Prediction):
        return f"{show(value.p50, unit)} ({show(value.p10, unit)} to {show(value.p90, unit)})"
    if isinstance(value, np.ndarray):
        return f"{cast('np.ndarray[Any, Any]', value).size:,} values"
    if isinstance(value, float):
        return units.show(value, _DIMENSIONS.get(unit, "number"))
    if isinstance(value, (tuple, list, dict)):
        count = len(cast("tuple[Any, ...]", value))
        return f"{count} entries" if count != 1 else "1 entry"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """The base of every discipline's result: frozen, all fields made with `quantity`."""

    def __repr__(self) -> str:
        """One line: the scalar fields with their units."""
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text, _ in self._rows(scalars=True))})"

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td><td>{html.escape(meaning)}</td></tr>"
            for name, text, meaning in self._rows(scalars=False)
        )
        return f"<table>{cells}</table>"

    def to_frame(self) -> Any:
        """The fields as a pandas DataFrame with columns value, unit and meaning.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            pandas: Any = import_module("pandas")
        except ImportError:
            raise MissingExtraError("pandas", "notebook") from None
        names = [f.name for f in dataclasses.fields(self)]
        columns = {
            "value": [plain(getattr(self, name)) for name in names],
            "unit": list(self.units().values()),
            "meaning": list(self.meanings().values()),
        }
        return pandas.DataFrame(columns, index=names)

    def _rows(self, *, scalars: bool) -> list[tuple[str, str, str]]:
        return [
            (f.name, show(value, f.metadata.get("unit", "")), f.metadata.get("meaning", ""))
            for f in dataclasses.fields(self)
            for value in [getattr(self, f.name)]
            if not scalars or isinstance(value, (str, int, float, Prediction))
        ]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON has it, SI units."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def units(cls) -> dict[str, str]:
        """Unit of each field."""
        return {f.name: f.metadata.get("unit", "") for f in dataclasses.fields(cls)}

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """What each field is."""
        return {f.name: f.metadata.get("meaning", "") for f in dataclasses.fields(cls)}
