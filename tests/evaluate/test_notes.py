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


def test_a_run_without_nodes_that_stand_by_is_told_and_idle_ones_stand_by(evaluated):
    """All accelerators in placements: each failure waits for a repair. What no placement has is spare, named or not."""
    words = "of its time for nodes under repair"
    placements = "[{accelerators: 4088, training: {tensor: 8, zero: 3}}, {accelerators: 8, serving: {tensor: 1}}]"
    whole = {"design.accelerators": "4096", "design.spare": "0 %", "site.power": "20 MW"}
    whole["design.placements"] = placements
    idle = whole | {"design.accelerators": "4160"}
    assert told(evaluated(**whole), words)
    assert not told(evaluated(**idle), words)
    assert evaluated(**idle).reliability.runs[0].hot_spares >= 8
