"""The verb `write`: a result to a folder."""

from __future__ import annotations

from pathlib import Path

from firstlight.evaluate import Evaluation, TrainingAnswer
from firstlight.export.files import write_evaluation
from firstlight.export.training import write_training


def write(result: Evaluation | TrainingAnswer, folder: Path) -> tuple[Path, ...]:
    """Write what `plan` or `train` has answered to a folder; what an earlier run left there is replaced.

    Returns:
        The files: of a plan report.html, evaluation.json, design.yaml, bom, racks, cables, schedule; of training
        training.json, design.yaml and for each run its trace, its Megatron arguments and its TorchTitan configuration.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    return write_evaluation(result, folder) if isinstance(result, Evaluation) else write_training(result, folder)
