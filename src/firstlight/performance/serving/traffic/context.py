"""Requests that were drawn longer than their model's context."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firstlight.performance.serving.events.requests import Requests
from firstlight.spec.model import Model


def longest(model: Model) -> int:
    """Tokens of prompt and answer together that a model reads and writes at the most."""
    return model.context + bool(model.one_pass)  # its one answer is no token of the sequence


def shortened(requests: Requests, most: int) -> tuple[Requests, int]:
    """Requests of which none is longer than `most` tokens, as clients cut prompts off, and how many had to be cut."""
    beyond = int((requests.prompt + requests.answer > most).sum())
    if not beyond:
        return requests, 0
    answer = np.minimum(requests.answer, most - 1)
    prompt = np.minimum(requests.prompt, most - answer)
    return replace(requests, prompt=prompt, answer=answer, cached=np.minimum(requests.cached, prompt)), beyond
