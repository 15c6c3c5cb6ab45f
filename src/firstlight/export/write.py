"""The verb `write`: a result to a folder."""

from __future__ import annotations

from pathlib import Path

from firstlight.evaluate import Evaluation, NetworkAnswer, ServingAnswer, TrainingAnswer
from firstlight.export.files import write_evaluation
from firstlight.export.network import write_network
from firstlight.export.serving import write_serving
from firstlight.export.training import write_training


def write(result: Evaluation | NetworkAnswer | ServingAnswer | TrainingAnswer, folder: Path) -> tuple[Path, ...]:
    """Write what `plan`, `build_network`, `serve` or `train` has answered to a folder, in the place of an earlier run.

    Returns:
        The files: of a plan report.html, evaluation.json, design.yaml, bom, racks, cables, schedule; of a network
        network.json, design.yaml, cables, ports, switches, cable-bill, spares; of training training.json, design.yaml
        and for each run its trace, its Megatron arguments and its TorchTitan configuration; of serving serving.html,
        serving.json, design.yaml.

    Raises:
        UsageError: the folder cannot be written; nothing has been changed then.
    """
    if isinstance(result, NetworkAnswer):
        return write_network(result, folder)
    if isinstance(result, ServingAnswer):
        return write_serving(result, folder)
    return write_evaluation(result, folder) if isinstance(result, Evaluation) else write_training(result, folder)
