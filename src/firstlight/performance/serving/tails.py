"""How latencies scatter around their medians: percentiles in closed form, for limits that most requests must meet."""

from __future__ import annotations

import numpy as np

from firstlight.performance.serving.layouts import Case
from firstlight.performance.serving.memory import slots
from firstlight.performance.serving.passes import TINY, Pieces, stream
from firstlight.performance.serving.steady import Flow
from firstlight.performance.serving.step import decode_parts
from firstlight.twin.protocols import Floats

MEDIAN = 0.5
HELD = 2.0 / 3.0
"""Of the variance of how many requests are at once, what is left in the mean over the stay of one: their numbers at two
times are alike as far as the stays overlap, 1 - |t| / T."""
FULLEST = 0.98
"""Share of the engines' time or of the slots above which their queue is taken as no longer."""


def tails(case: Case, pieces: Pieces, found: Flow) -> tuple[Floats, Floats]:
    """Time to the first token and per further token that the wanted share of the requests stays within [s] (..., n).

    The first token waits for what is left of the pass under way (its first two moments, by renewal theory), for prompts
    before it (M/G/1, Pollaczek and Khinchine), and is read with others; the sum is taken as gamma distributed. Beyond a
    full batch, requests wait for others to end: an exponential tail with the probability of Erlang's C. Time per token
    varies with the prompts that are read meanwhile, a compound Poisson number that feeds itself, and with how many
    requests are decoded; it is taken as normal. Medians are those of the flow.

    Args:
        pieces: prompts of the case. found: replicas in steady state.
    """
    if case.share <= MEDIAN:
        return found.first_token, found.per_token
    batch = np.asarray(found.batch, dtype=float)
    step, busy = found.step, -np.expm1(-batch)
    meeting = stream(pieces, step, found.rate)
    whole, reading = step + meeting.read, meeting.reading
    mean = step + reading * meeting.read
    left, left2 = _left(reading, whole, step)
    queue, queue2 = _queue(pieces, found.rate, mean, case.spread)
    met = np.minimum(found.rate * pieces.passes * mean, pieces.most)
    beside = pieces.read(pieces.met(met))
    own = pieces.passes * (pieces.read(pieces.met(met) + np.sqrt(met)) - beside)
    longer = case.spread * pieces.passes * beside
    waited = busy * (left + queue) + pieces.passes * (beside - pieces.read(1.0))
    scatter = busy * left2 - (busy * left) ** 2 + busy**2 * (queue2 - queue**2) + own**2 + longer**2
    first = found.first_token + beyond(waited + longer, scatter, case.share) + blocked(case, found)
    free = 1.0 - np.minimum(found.filling, FULLEST)
    prompts = found.rate * np.maximum(case.further, 1.0) * found.per_token
    read_between = prompts * meeting.cost**2 * (1.0 + case.spread**2) / free
    token = np.hypot(np.sqrt(read_between) / np.maximum(case.further, 1.0), slope(case, found) / free)
    return first, found.per_token + deviations(case.share) * token


def _left(reading: Floats, whole: Floats, step: Floats) -> tuple[Floats, Floats]:
    """What is left of a pass under way: its mean and mean square [s, s2]."""
    mean = reading * whole + (1.0 - reading) * step
    square, cube = (reading * whole**power + (1.0 - reading) * step**power for power in (2, 3))
    return square / (2.0 * mean), cube / (3.0 * mean)


def _queue(pieces: Pieces, rate: Floats, mean: Floats, spread: float) -> tuple[Floats, Floats]:
    """The wait for prompts before one's own: its mean and mean square [s, s2]; lengths vary by `spread`."""
    load, each = np.minimum(rate * mean * pieces.taken, FULLEST), pieces.taken * mean
    square, cube = 1.0 + spread**2, (1.0 + spread**2) ** 3
    queue = load / (2.0 * (1.0 - load)) * each * square
    return queue, 2.0 * queue**2 + load / (3.0 * (1.0 - load)) * each**2 * cube


def beyond(mean: Floats, variance: Floats, share: float) -> Floats:
    """How far the quantile of a gamma distribution lies above its median."""
    from scipy.special import gammaincinv  # heavy

    shape = np.maximum(mean, TINY) ** 2 / np.maximum(variance, TINY**2)
    scale = np.maximum(mean, TINY) / shape
    return (gammaincinv(shape, share) - gammaincinv(shape, MEDIAN)) * scale


def blocked(case: Case, found: Flow) -> Floats:
    """Wait for a slot of a full batch (M/M/c: exponential, with the probability of Erlang's C) [s]."""
    from scipy.special import pdtr  # heavy

    most = np.clip(slots(case), 1.0, case.layouts.batch)
    batch = np.minimum(found.batch, FULLEST * most)
    fewer = pdtr(most - 1.0, batch)
    full = pdtr(most, batch) - fewer
    waits = full / (full + (1.0 - batch / most) * fewer)
    stay = case.further * found.per_token + found.first_token
    return stay / (most - batch) * np.maximum(np.log(np.maximum(waits, TINY) / (1.0 - case.share)), 0.0)


def limited(case: Case, batch: Floats) -> Floats:
    """Requests at once that engines are to be limited to for a mean of `batch` (n,).

    The mean itself where limits hold at the median; at a percentile so many more, as far as the cache goes, that hardly
    any request waits for a slot (three standard deviations of a Poisson number).
    """
    if case.share <= MEDIAN:
        return batch
    return np.minimum(np.ceil(batch + 3.0 * np.sqrt(batch)), slots(case))


def deviations(share: float) -> float:
    """Standard deviations by which a quantile of a normal distribution lies above its mean."""
    from scipy.special import ndtri  # heavy

    return float(ndtri(share))


def slope(case: Case, found: Flow) -> Floats:
    """Standard deviation of the time per token as the number of requests that are decoded varies (Poisson) [s]."""
    more = found.batch + np.sqrt(HELD * found.batch)
    step = sum(decode_parts(case, more).values(), np.zeros(len(case.layouts)))
    usual = sum(decode_parts(case, found.batch).values(), np.zeros(len(case.layouts)))
    return (step - usual) / case.gain
