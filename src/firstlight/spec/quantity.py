"""The types of a document's fields: what the user writes as "150 MW" arrives as a plain SI float.

Each type accepts a text with a unit. A bare number is refused where a unit is needed (a count, a fraction and a price
code are the exceptions). Serialising a document prints the quantity back as text, so that it reads in again unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from firstlight import units


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
        """A string with examples; a number too where the dimension has no unit to write."""
        text: dict[str, Any] = {"type": "string", "examples": [self.example]}
        if units.DIMENSIONS[self.dimension].bare:
            return {"anyOf": [text, {"type": "number", "minimum": self.low, "maximum": self.high}]}
        return text

    def read(self, value: object) -> float:
        """The SI value of a text (or of a number, where the dimension needs no unit)."""
        try:
            si = units.parse(value, self.dimension)
        except units.UnitError as error:
            raise PydanticCustomError("quantity", "{reason}", {"reason": str(error)}) from None
        if not self.low <= si <= self.high:
            low, high = (units.show(bound, self.dimension) for bound in (self.low, self.high))
            raise PydanticCustomError(
                "range",
                "{got} is out of range; write something between {low} and {high}, such as {example}",
                {"got": str(value), "low": low, "high": high, "example": f'"{self.example}"'},
            )
        return si

    def show(self, value: float) -> str | float:
        """The text that reads back as exactly this value."""
        return units.exact(value, self.dimension)


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
