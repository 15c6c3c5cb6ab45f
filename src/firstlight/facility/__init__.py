"""The facility room: power chain, cooling plant, water and carbon of the factory at its site."""

from firstlight.facility.year import year

__all__ = ["year"]
