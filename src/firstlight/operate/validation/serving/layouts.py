"""Layouts of published serving runs, as their dumps state them and as they were."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firstlight.operate.validation.table import Row

NODE = 8
LATENT_SHORT, LATENT_LONG, WIDE_ENGINE = 32, 16, 4
"""Clients an accelerator from which engines with expert-parallel latent attention are read as attention-data-parallel:
8 accelerators and short prompts, long prompts, 16 accelerators and more."""
LONG = 4000
"""Tokens of a long prompt."""
RANK_SHORT, RANK_LONG = 192, 64
"""Requests of an attention rank for which published recipes add a writer."""
RANGE = 256
"""Clients from which a deployment without a stated layout is read as wide expert parallelism."""
WIDE = 32


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        accelerators: of it. data: attention ranks with requests of their own. expert: ranks that experts are spread on.
    """

    accelerators: int
    data: int
    expert: int

    @property
    def tensor(self) -> int:
        """Accelerators that share the attention of one request."""
        return max(self.accelerators // self.data, 1)


def stated(row: Row, prefix: str, split: bool) -> Engine:
    """The engine of a row's columns with a prefix ("", "prefill_", "decode_"), repaired where dumps are wrong.

    Some dumps state tensor parallelism as the product with expert parallelism, some count ranks of attention data
    parallelism twice; the timings are those of the plain twins.
    """
    tensor, data, cut, expert = (
        row.count(prefix + name, 0) or 1 for name in ("tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
    )
    if not split and cut == expert > 1 and tensor * data == cut * expert:
        return Engine(expert, expert if data > 1 else 1, expert)
    if data > 1 and data == tensor and expert == tensor * data:
        return Engine(tensor, 1, tensor)
    if expert > 1 and tensor == data == 1:
        return Engine(expert, expert, expert)
    return Engine(max(tensor * data, cut * expert), data, expert)


def whole_deployment(engine: Engine) -> bool:
    """An "aggregated" engine beyond a node that spreads no experts: a whole deployment is recorded."""
    return engine.accelerators > NODE and engine.expert <= 1


@dataclass(frozen=True)
class Question:
    """What readings of pools depend on.

    Attributes:
        clients: requests in flight. prompt: its tokens. least: accelerators that hold the weights.
        latent: latent attention. experts: routed experts, 0 for a dense model. domain: of the scale-up domain.
        known: worker counts are stated.
    """

    clients: float
    prompt: float
    least: float
    latent: bool
    experts: int
    domain: int
    known: bool

    @property
    def smallest(self) -> int:
        """The smallest power of two of accelerators that holds the weights, from 4 on."""
        return 2 ** math.ceil(math.log2(max(self.least, 4.0)))


def pools(reading: Engine, writing: Engine, asked: Question, lost: bool, told: list[str]) -> tuple[Engine, Engine]:
    """Both pools' engines: as stated where that can be, else those of the published recipes.

    Args:
        reading, writing: as stated.
        asked: what it depends on.
        lost: the layout is not recorded at all.
        told: readings are added here.
    """
    wide, size = asked.clients >= RANGE, asked.smallest
    odd = writing.accelerators > NODE and writing.accelerators not in (16, 32, 48, 64)
    bad = lost or odd or writing.accelerators < asked.least or (writing.expert <= 1 and writing.accelerators > 16)
    if bad:
        count = (WIDE if asked.domain > NODE else NODE) if wide else size
        spread = count if wide and asked.experts else 1
        writing = Engine(count, spread, spread)
        told.append(f"decode engine of {count}, attention DP {spread}")
    if bad or reading.accelerators < asked.least or reading.accelerators > 16:
        spread = (size if wide and asked.experts else 1) if bad else min(reading.data, size)
        reading = Engine(size, spread, spread if bad else min(reading.expert, size))
        told.append(f"prefill engine of {size}, attention DP {spread}")
    return _ranks(reading, writing, asked, told)


def _ranks(reading: Engine, writing: Engine, asked: Question, told: list[str]) -> tuple[Engine, Engine]:
    """With attention data parallelism where dumps without worker counts record it as tensor parallelism."""
    if asked.known or not asked.latent:
        return reading, writing
    most = WIDE_ENGINE if writing.accelerators >= 16 else LATENT_LONG if asked.prompt > LONG else LATENT_SHORT
    if writing.data == 1 < writing.expert and asked.clients / writing.accelerators >= most:
        writing = Engine(writing.accelerators, writing.accelerators, writing.accelerators)
        told.append(f"decode attention DP {writing.data}")
    if reading.expert > 1 and asked.clients >= RANGE / 2 and reading.data < reading.accelerators:
        reading = Engine(reading.accelerators, reading.accelerators, reading.expert)
        told.append(f"prefill attention DP {reading.data}")
    return reading, writing


def writers(writing: Engine, asked: Question) -> int:
    """Decode engines of a row that does not state them: what the published recipes take for so many clients."""
    if writing.data > 1:
        each = RANK_LONG if asked.prompt > LONG else RANK_SHORT
        return max(math.ceil(asked.clients / (writing.accelerators * each)), 1)
    if asked.latent:
        return round(min(max(4 * NODE / writing.accelerators, 1), 4))
    return round(min(max(4 * math.sqrt(32 / max(asked.clients, 1.0)), 1), 4))
