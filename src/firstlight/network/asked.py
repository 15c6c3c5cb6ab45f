"""Traffic that a user asks for in words: by file or pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from firstlight import units
from firstlight.errors import UsageError
from firstlight.network.flows import patterns
from firstlight.network.flows.traffic import Traffic
from firstlight.network.formats import read_flows
from firstlight.spec import near

Options = Mapping[str, float]


def flows(asked: str, endpoints: int, seed: int) -> Traffic:
    """Traffic of a file, or of a pattern such as "permutation:8MB" or "checkpoint:16GB,stores=8" over all endpoints.

    Args:
        asked: path or pattern.
        endpoints: of the fabric.
        seed: of what is drawn.

    Raises:
        UsageError: no such pattern, size or option. DocumentError: the file cannot be used.
    """
    name, colon, rest = asked.partition(":")
    if not colon and (Path(asked).suffix or Path(asked).exists()):
        return read_flows(Path(asked), endpoints)
    if name not in _PATTERNS:
        if Path(asked).exists():
            return read_flows(Path(asked), endpoints)
        known = f"Patterns are {', '.join(_PATTERNS)}, each with a size: permutation:8MB. Or name a file."
        raise UsageError(f'--traffic: "{asked}" is no file and no pattern. {near.hint(name, _PATTERNS, known)}')
    make, known = _PATTERNS[name]
    needed = "".join(f",{option}=..." for option, standard in known.items() if standard is None)
    if not colon:
        raise UsageError(f"--traffic: {name} needs the size of one flow: {name}:8MB{needed}")
    if endpoints < 2:
        raise UsageError(f"--traffic: {name} needs two endpoints, and the fabric has {endpoints}")
    size, *words = rest.split(",")
    try:
        each = units.parse(size, "bytes")
    except ValueError as error:
        raise UsageError(f"--traffic: {error}") from error
    return make(endpoints, each, seed, _options(name, words, known))


def _options(name: str, words: list[str], known: Mapping[str, float | None]) -> Options:
    """The values of a pattern's options; those that are not given have their standard."""
    given = dict[str, float]()
    for word in words:
        option, equals, text = (part.strip() for part in word.partition("="))
        if option not in known or not equals:
            told = f"Its options are {', '.join(f'{one}=...' for one in known)}." if known else "It has only a size."
            raise UsageError(f'--traffic: {name} has no option "{word}". {near.hint(option, tuple(known), told)}')
        if option in given:
            raise UsageError(f"--traffic: {option} is there twice")
        given[option] = _value(option, text)
    missing = [option for option, standard in known.items() if standard is None and option not in given]
    if missing:
        raise UsageError(f"--traffic: {name} needs {missing[0]}=..., such as {name}:8MB,{missing[0]}=8")
    return {option: given.get(option, standard or 0.0) for option, standard in known.items()}


def _value(option: str, text: str) -> float:
    if option == "every":
        try:
            return units.parse(text, "time")
        except ValueError as error:
            raise UsageError(f"--traffic: every: {error}") from error
    if not text.isdecimal() or not 0 < int(text) <= _MOST:
        raise UsageError(f'--traffic: {option}: "{text}" is no whole number from 1 to {_MOST:,}')
    return int(text)


def _all_to_all(endpoints: int, size: float, _: int, options: Options) -> Traffic:
    return patterns.all_to_all(np.arange(endpoints), size, int(options["window"]) or None)


def _kv_transfer(endpoints: int, size: float, seed: int, options: Options) -> Traffic:
    """Caches from the first endpoints, in turn, to others that are drawn."""
    prefill = int(options["prefill"])
    _require_rest("kv-transfer", "prefill", prefill, endpoints, "to decode")
    requests = int(options["requests"]) or prefill
    decode = np.random.default_rng(seed).integers(prefill, endpoints, requests)
    starts = options["every"] * np.arange(requests)
    return patterns.handover(np.arange(requests) % prefill, decode, size, starts, int(options["layers"]))


def _checkpoint(endpoints: int, size: float, _: int, options: Options) -> Traffic:
    stores = int(options["stores"])
    _require_rest("checkpoint", "stores", stores, endpoints, "that writes")
    return patterns.checkpoint(np.arange(endpoints - stores), np.arange(endpoints - stores, endpoints), size)


def _require_rest(name: str, option: str, some: int, endpoints: int, use: str) -> None:
    """Refuse a part that is all of the endpoints."""
    if some >= endpoints:
        raise UsageError(
            f"--traffic: {name}: {option}={some} of {endpoints:,} endpoints leaves none {use}; write at most "
            f"{endpoints - 1}"
        )


_MOST = 10_000_000
_PATTERNS: dict[str, tuple[Callable[[int, float, int, Options], Traffic], Mapping[str, float | None]]] = {
    "permutation": (lambda n, size, seed, _: patterns.permutation(n, size, seed), {}),
    "all-to-all": (_all_to_all, {"window": 0}),
    "shift": (lambda n, size, *_: patterns.shift(n, size), {}),
    "ring": (lambda n, size, *_: patterns.ring(np.arange(n), size, 2 * (n - 1)), {}),
    "incast": (lambda n, size, *_: patterns.incast(np.arange(1, n), 0, size), {}),
    "kv-transfer": (_kv_transfer, {"prefill": None, "layers": 1, "requests": 0, "every": 0.0}),
    "checkpoint": (_checkpoint, {"stores": None}),
}
"""By name: of so many endpoints, flows of one size [B], the seed of what is drawn, and options with their standard (0:
all, or as many as there are others; None: it must be given). A ring is that of an all-reduce, an incast goes to the
first endpoint, a checkpoint to the last ones."""
