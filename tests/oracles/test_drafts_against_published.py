"""Acceptance lengths of speculative decoding against published measurements, with whole models left out."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from firstlight.performance.serving.drafts import accepted
from firstlight.spec.assumptions import shipped, with_overrides

TABLE = Path(__file__).parents[2] / "measurements/speculative_acceptance.csv"
SOURCE = "measurements/speculative_acceptance.csv (vLLM speculators, nine models and drafters, one to eight drafts)"
K = np.arange(1, 9)


def curves() -> dict[tuple[str, str, str], np.ndarray]:
    """Acceptance lengths [8] by drafter's file, model and mode."""
    found: dict[tuple[str, str, str], dict[int, float]] = defaultdict(dict)
    for row in csv.DictReader(TABLE.read_text("utf-8").splitlines()):
        found[row["file"], row["model"], row["mode"]][int(row["num_speculative_tokens"])] = float(
            row["acceptance_length"]
        )
    return {key: np.array([lengths[k] for k in K]) for key, lengths in found.items()}


def fit(lengths: np.ndarray) -> tuple[float, float]:
    """The probability of the first draft, and that of later ones over it."""
    start, bounds = [0.8, 0.8], ([0.0, 0.0], [1.0, 0.999])
    first, later = least_squares(lambda p: accepted(K, p[0], p[1]) - lengths, start, bounds=bounds).x
    return float(first), float(later / first)


def left_out(key) -> tuple[float, float]:
    """Medians of the other models."""
    return tuple(np.median([fit(one) for other, one in curves().items() if other[1] != key[1]], axis=0))


def test_what_is_assumed_is_the_median_of_all(against):
    a, fits = with_overrides(shipped(), {}), [fit(lengths) for lengths in curves().values()]
    first, later = np.median(fits, axis=0)
    assert a["performance.serving_drafts_first"] == pytest.approx(first, abs=0.005)
    assert a["performance.serving_drafts_later"] == pytest.approx(later, abs=0.005)


def test_the_law_holds_each_curve(against):
    errors = [np.abs(accepted(K, f, f * r) / one - 1.0) for one in curves().values() for f, r in [fit(one)]]
    against("Acceptance length by the law of two probabilities over measured, median over 112", 1.0 + np.median(errors),
            1.0, unit="", source=SOURCE, within=0.02)  # fmt: skip
    assert np.max(errors) < 0.09


def test_models_left_out(against):
    known, unknown = [], []
    for key, lengths in curves().items():
        first, later = left_out(key)
        given = lengths[0] - 1.0  # of one draft: what an operator reads off a running engine
        known += list(np.abs(accepted(K[1:], given, given * later) / lengths[1:] - 1.0))
        unknown += list(np.abs(accepted(K, first, first * later) / lengths - 1.0))
    left = "Acceptance length of a model left out over measured"
    least, *_, most = sorted(fit(one)[1] for one in curves().values())
    why = f"drafters differ in how they are trained: later drafts are accepted {least:.2f} to {most:.2f} times as often"
    for what, errors, within in (("its first draft known", known, 0.06), ("nothing known", unknown, 0.12)):
        middle, tail = (1.0 + float(np.percentile(errors, share)) for share in (50, 90))
        against(f"{left}, {what}, median", middle, 1.0, source=SOURCE, within=within, why=why)
        against(f"{left}, {what}, P90", tail, 1.0, source=SOURCE, within=0.25, why=why)
