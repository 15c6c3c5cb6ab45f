"""A factory of fewer pods than its site has halls or buildings."""

from __future__ import annotations


def test_halls_and_buildings_that_stay_empty_are_told(evaluated):
    """64 systems are one pod: one of four halls, and of three buildings, and nothing breaks for it."""
    found = evaluated(**{"site.halls": "4", "site.buildings": "3"})
    assert (found.factory.halls, found.factory.buildings) == (1, 1)
    assert "the factory's pods fill 1 of the 4 halls of the site; the rest stay empty" in found.warnings
    assert "the factory's pods fill 1 of the 3 buildings of the site; the rest stay empty" in found.warnings


def test_full_halls_are_not(evaluated):
    assert not [note for note in evaluated(**{"site.halls": "1"}).warnings if "stay empty" in note]
