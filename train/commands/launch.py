"""Start a training run on all GPUs of this machine.

`python -m train.commands.launch RUN_DIR`. With one or none it is `python -m train fit --resume`
itself; with more, `accelerate` starts one such process for each.
"""

import os
import sys
from pathlib import Path

from train.run.record import Run
from train.run.spec import spec_of

PAIRS = 8
"""The fewest pairs of a batch that are worth a GPU of their own."""


def processes(gpus: int, batch_size: int) -> int:
    """How many processes share the batches of a run."""
    return max(1, min(gpus, batch_size // PAIRS))


def command(run: Path, count: int) -> list[str]:
    """The command line that trains in so many processes."""
    fit = ["train", "fit", "--out", str(run), "--resume", "--json"]
    if count == 1:
        return [sys.executable, "-m", *fit]
    return [
        sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1",
        "--num_processes", str(count), "--main_process_port", "0", "--mixed_precision", "no",
        "--dynamo_backend", "no", "-m", *fit,
    ]


def main(run: Path) -> int:
    """Train a run here, or become the launcher of several."""
    import torch

    count = processes(torch.cuda.device_count(), spec_of(Run(run)).recipe.batch_size)
    line = command(run, count)
    if count > 1:
        os.environ["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // count))
        os.execv(line[0], line)
    from train.__main__ import main as train

    return train(line[line.index("fit"):])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
