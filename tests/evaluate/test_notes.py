"""What a careful reader is told."""

from __future__ import annotations

import pytest


def told(evaluation, words: str) -> bool:
    return any(words in note for note in evaluation.warnings)


@pytest.mark.parametrize(
    ("words", "sets"),
    [
        ("accelerators have no work", {
            "design.placements": "[{accelerators: 256, training: {tensor: 1}}, {accelerators: 8, serving: {tensor: 1}}]"
        }),
        ("give it a larger batch", {
            "demand[0].batch": "64k tokens",
            "design.placements": "[{accelerators: 384, training: {tensor: 8, pipeline: 4, context: 4}},"
            " {accelerators: 8, serving: {tensor: 1}}]",
        }),
        ("the nearest weather year is that of", {"site.place": "Stockholm, Sweden"}),
        ("no grid of the table is near", {"site.place": "Stockholm, Sweden"}),
        ("ships from", {"design.system": "rubin-ultra-nvl576", "design.accelerators": "1152", "site.power": "20 MW"}),
        ("nothing of the plan waits for transformer-high-voltage", {
            "secured": "[transformer-high-voltage, ups]"
        }),
    ],
)  # fmt: skip
def test_notes(evaluated, words, sets):
    assert not told(evaluated(**{"site.place": "Leesburg, Virginia"}), words)
    assert told(evaluated(**{"site.place": "Leesburg, Virginia", **sets}), words)
