"""The types of a document's fields: what the user writes as "150 MW" arrives as a plain SI float.

Each type accepts a text with a unit. A bare number is refused where a unit is needed (a count, a fraction and a price
code are the exceptions). Serialising a document prints the quantity back as text, so that it reads in again unchanged.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from firstlight import units

FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2200, 1, 1)
"""A plan's dates lie between these."""

_ISO_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True)
class Quantity:
    """Marks a float as a quantity of one dimension, bounded on both sides.

    Attributes:
        dimension: a key of `units.DIMENSIONS`.
        low, high: the least and the greatest value that makes sense, in SI [unit of the dimension].
        example: what a user would write, for messages and schema.
    """

    dimension: str
    low: float
    high: float
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text or SI float, print text."""
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(self.show, when_used="json"),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string with its pattern and an example; a number too where the dimension has no unit to write."""
        text = {"type": "string", "pattern": units.pattern(self.dimension), "examples": [self.example]}
        if units.DIMENSIONS[self.dimension].bare:
            return {"anyOf": [text, {"type": "number", "minimum": self.low, "maximum": self.high}]}
        return text

    def read(self, value: object) -> float:
        """The SI value of a text (or of a number, where the dimension needs no unit)."""
        try:
            si = units.parse(value, self.dimension, self.example)
        except units.UnitError as error:
            raise _wrong(str(error)) from None
        if not self.low <= si <= self.high:
            low, high = (units.show(bound, self.dimension) for bound in (self.low, self.high))
            within = f"write something between {low} and {high}, such as {units.printed(self.example)}"
            raise _wrong(f"{units.printed(value)} is out of range; {within}")
        return si

    def show(self, value: float) -> str | float:
        """The text that reads back as exactly this value."""
        return units.exact(value, self.dimension)


@dataclass(frozen=True)
class Count:
    """Marks an integer that may also be written "100k" or 1e5.

    Attributes:
        low, high: the least and the greatest value that makes sense.
        example: what a user would write, for messages and schema.
    """

    low: int
    high: int
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text or number, print the number."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A whole number, or a string with its pattern."""
        text = {"type": "string", "pattern": units.pattern("count"), "examples": [self.example]}
        return {"anyOf": [{"type": "integer", "minimum": self.low, "maximum": self.high}, text]}

    def read(self, value: object) -> int:
        """The count that is meant; a fraction of one is refused."""
        number = Quantity("count", self.low, self.high, self.example).read(value)
        if not number.is_integer():
            raise _wrong(f'{units.printed(value)} is not a whole number; write one such as "{self.example}"')
        return int(number)


@dataclass(frozen=True)
class Day:
    """Marks a date; with `or_time` also a time from the plan's start ("122 days")."""

    or_time: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read text or date, print text."""
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.show, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A date, or a string with the pattern of a time."""
        date: dict[str, Any] = {"type": "string", "format": "date", "pattern": _ISO_DATE, "examples": ["2027-03-01"]}
        time: dict[str, Any] = {"type": "string", "pattern": units.pattern("time"), "examples": ["122 days"]}
        return {"anyOf": [date, time]} if self.or_time else date

    def read(self, value: object) -> dt.date | float:
        """The date (or the time in seconds) that is meant."""
        remedy = "write a date such as 2027-03-01" + (' or a time such as "122 days"' if self.or_time else "")
        if isinstance(value, str) and re.fullmatch(_ISO_DATE, value):
            try:
                value = dt.date.fromisoformat(value)
            except ValueError:
                raise _wrong(f"{units.printed(value)} is not in the calendar; {remedy}") from None
        if type(value) is dt.date:
            if not FIRST_DAY <= value <= LAST_DAY:
                raise _wrong(f"{value} is out of range; {remedy}")
            return value
        if self.or_time and isinstance(value, str):
            return Quantity("time", 1, 100 * units.YEAR, "122 days").read(value)
        raise _wrong(f"{units.printed(value)} is not a date; {remedy}")

    def show(self, value: dt.date | float) -> str | float:
        """The text that reads back as exactly this value."""
        return value.isoformat() if isinstance(value, dt.date) else units.exact(value, "time")


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{reason}", {"reason": reason})


Power = Annotated[float, Quantity("power", 1e-3, 1e12, "150 MW")]
Energy = Annotated[float, Quantity("energy", 0, 1e16, "150 MWh")]
Area = Annotated[float, Quantity("area", 1, 1e8, "70000 m2")]
Length = Annotated[float, Quantity("length", 0, 1e8, "2.4 m")]
Mass = Annotated[float, Quantity("mass", 0, 1e9, "1360 kg")]
Duration = Annotated[float, Quantity("time", 1e-9, 100 * units.YEAR, "60 days")]
Size = Annotated[float, Quantity("bytes", 1, 1e21, "80 GB")]
Bandwidth = Annotated[float, Quantity("bandwidth", 1, 1e18, "400 Gb/s")]
Compute = Annotated[float, Quantity("compute", 1, 1e21, "989 TFLOP/s")]
Rate = Annotated[float, Quantity("rate", 1e-9, 1e9, "400 /s")]
Tokens = Annotated[float, Quantity("tokens", 1, 1e18, "15T tokens")]
Temperature = Annotated[float, Quantity("temperature", 200, 400, "25 C")]
Money = Annotated[float, Quantity("money", 0, 1e13, "25000 USD")]
EnergyPrice = Annotated[float, Quantity("energy price", 0, 1e-3, "60 USD/MWh")]
CarbonIntensity = Annotated[float, Quantity("carbon intensity", 0, 1e-6, "400 g/kWh")]
Fraction = Annotated[float, Quantity("fraction", 0, 1, "95 %")]
Flow = Annotated[float, Quantity("flow", 0, 1e3, "100 l/min")]
Frequency = Annotated[float, Quantity("frequency", 1, 1e12, "1.98 GHz")]
