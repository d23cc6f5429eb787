"""The training loop against `SentenceTransformerTrainer`, batch by batch.

    python -m bench.trainer --data PLACE@TOKENS … --recipes seed tandem --seeds 1 2 3 \
        --runs FOLDER --out FILE.json

Each data set is fitted with each recipe and seed by both engines in turn, in one process: CPU
seconds (user and system) from the run's start to its end, without what loading libraries takes;
ndcg@10 on dev and test; the kinds of events in their order. `trainer-pause` as a third engine is
paused after half of its steps and taken up again.

The Trainer gets what the loop has: the batches, the optimiser, the schedule, cross-batch memory as
a module, and callbacks that measure, keep and report. All steps are one epoch of it, because it
takes the number of steps of its first epoch for all others, and ours differ.
"""

import argparse
import itertools
import json
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.sentence_transformer.training_args import (
    SentenceTransformerTrainingArguments,
)
from transformers import PrinterCallback, ProgressCallback, TrainerCallback

from corpus.load import load_corpus
from corpus.records import Pair
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.index import Index
from retrieval.metrics import PRIMARY
from retrieval.models import EMBEDDED_MODEL
from train.fit.distributed import Team
from train.fit.fit import _Fit
from train.fit.gradient import PASSAGE_PROMPTS, QUERY_PROMPTS
from train.fit.loop import Loop
from train.fit.loss import Recall, ranking_loss
from train.fit.model import TrainingError
from train.fit.stopping import PauseRequestedError, Stop
from train.recipe import named_recipe
from train.run.events import Event, LossEvent, PhaseEvent, StartedEvent, StepEvent
from train.run.record import open_run
from train.run.spec import RunSpec


class Batches(torch.utils.data.Dataset[dict[str, Any]]):
    """A run's batches that are left, tokenised when asked."""

    def __init__(self, loop: Loop) -> None:
        """All epochs in a row, from where the loop stands."""
        self.loop = loop
        epochs = [loop._batches(epoch) for epoch in range(loop.recipe.epochs)]
        self.ends = np.cumsum([len(batches) for batches in epochs]).tolist()
        self.batches = [batch for batches in epochs for batch in batches][loop.step:]

    def __len__(self) -> int:
        """How many steps are left."""
        return len(self.batches)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """One step: features of both sides, and the batch itself."""
        loop, batch = self.loop, self.batches[place]
        passages = loop._passages(batch)
        rank, size = loop.team.rank, loop.team.size
        queries = [pair.query.text for pair in batch][rank::size]
        texts = [loop.passage[passage].content for passage in passages]
        return {
            "queries": loop.gradient.features(queries, QUERY_PROMPTS),
            "passages": loop.gradient.features(texts[rank::size], PASSAGE_PROMPTS),
            "batch": batch, "ids": passages,
        }


class Loss(torch.nn.Module):
    """A recipe's loss: masked ranking loss and cross-batch memory."""

    def __init__(self, loop: Loop) -> None:
        """The memory's vectors are a buffer of this module."""
        super().__init__()
        self.loop = loop
        if loop.memory:
            self.register_buffer("memory", loop.memory.vectors)

    def forward(
        self, queries: torch.Tensor, passages: torch.Tensor, batch: list[Pair], ids: list[str]
    ) -> torch.Tensor:
        """(n, dim) and (n or more, dim) -> the loss."""
        loop, recipe = self.loop, self.loop.recipe
        dims = loop.gradient._dims()
        loss = ranking_loss(queries, passages, recipe.scale, dims, loop._known(batch, ids),
                            recipe.symmetric)
        if loop.memory:
            recall: Recall = loop.memory.recall(batch, recipe.mask)
            loss = loss + recipe.cross_batch_memory * recall.loss(queries, recipe.scale, dims)
            recall.renew(passages)
        return loss


class Trainer(SentenceTransformerTrainer):
    """The Trainer with a loop's batches and loss."""

    loop: Loop
    batches: Batches
    module: Loss
    last = float("nan")

    def get_train_dataloader(self) -> torch.utils.data.DataLoader[Any]:
        """Batches as they are: accelerate may not share them out."""
        return torch.utils.data.DataLoader(self.batches, batch_size=None, shuffle=False)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> torch.Tensor:
        """One step's loss, over the vectors of all processes."""
        size = self.loop.team.size
        of_queries = self.gathered(model(dict(inputs["queries"]))["sentence_embedding"],
                                   len(inputs["batch"]))
        of_passages = self.gathered(model(dict(inputs["passages"]))["sentence_embedding"],
                                    len(inputs["ids"]))
        loss: torch.Tensor = self.module(of_queries, of_passages, inputs["batch"], inputs["ids"])
        self.last = loss.item()
        if not np.isfinite(self.last):
            raise TrainingError(f"The loss became {self.last}.")
        return loss * size  # gradients are averaged over processes, and each has only its share

    def gathered(self, own: torch.Tensor, count: int) -> torch.Tensor:
        """All processes' rows in order, for the gradient.

        With the graph of one's own.
        """
        team = self.loop.team
        if team.size == 1:
            return own
        longest = -(-count // team.size)
        padded = torch.nn.functional.pad(own.detach(), (0, 0, 0, longest - len(own)))
        parts = self.accelerator.gather(padded).view(team.size, longest, -1)
        parts = torch.stack([torch.nn.functional.pad(own, (0, 0, 0, longest - len(own)))
                             if rank == team.rank else part for rank, part in enumerate(parts)])
        return parts.transpose(0, 1).reshape(team.size * longest, -1)[:count]


class Callback(TrainerCallback):
    """Where the loop yields, the Trainer calls."""

    def __init__(self, fit: "TrainerFit", trainer: Trainer, encoder: SentenceTransformerEncoder,
                 stop_at: int | None) -> None:
        """stop_at: the step after which a pause is asked for."""
        self.fit, self.trainer, self.encoder, self.stop_at = fit, trainer, encoder, stop_at
        self.loop = trainer.loop
        self.start, self.first = time.monotonic(), self.loop.step
        self.every = max(1, self.loop.steps // 100)

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Evaluation in between leaves the model in evaluation mode."""
        self.loop.model.train()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count, report, keep; measure where an epoch of ours ends."""
        fit, loop = self.fit, self.loop
        ends = self.trainer.batches.ends
        if loop.step_in_epoch == 0:
            fit.losses = []
        loop.step += 1
        loop.step_in_epoch += 1
        fit.losses.append(self.trainer.last)
        fit.pace.step_seconds = (time.monotonic() - self.start) / (loop.step - self.first)
        if loop.step % self.every == 0:
            fit.tell(LossEvent(step=loop.step, loss=float(np.mean(fit.losses[-self.every:]))))
        if fit.pace.due() or loop.step == self.first + 1:
            fit.tell(StepEvent(
                **fit._progress(loop), loss=self.trainer.last, **fit._memory(loop),
                examples_per_second=fit.recipe.batch_size / fit.pace.step_seconds))
        if loop.step == self.stop_at:
            raise PauseRequestedError
        if loop.step == ends[loop.epoch]:
            loop.epoch, loop.step_in_epoch = loop.epoch + 1, 0
            if loop.team.is_main:
                for event in fit._measure(loop, self.encoder):
                    fit.tell(event)
            self.start, self.first = time.monotonic(), loop.step
        elif fit.kept.due():
            fit._keep_state(loop)
        fit._check_time()
        fit.stop.check()


class TrainerFit(_Fit):
    """A fit that lets the Trainer take the steps."""

    pauses_halfway = False

    def tell(self, event: Event) -> None:
        """An event of a callback.

        It cannot be yielded from there.
        """
        self.run.append(event)

    def _train(self, base: Index, encoder: SentenceTransformerEncoder) -> Generator[
        Event, None, str
    ]:
        loop = self._loop(base, encoder)
        yield StartedEvent(step=loop.step, steps=loop.steps, resumed=loop.step > 0,
                           device=self.run.record().device)
        yield PhaseEvent(phase="train", **self._progress(loop))
        trainer = trainer_of(loop, self.run.checkpoints)
        stop_at = loop.steps // 2 if self.pauses_halfway else None
        trainer.add_callback(Callback(self, trainer, encoder, stop_at))
        with self.stop.interrupts():
            trainer.train()
        return "finished"


def trainer_of(loop: Loop, folder: Path) -> Trainer:
    """A Trainer for the steps that a loop has left.

    What it would print or save is left out.
    """
    recipe = loop.recipe
    batches = Batches(loop)
    trainer = Trainer(
        loop.model,
        SentenceTransformerTrainingArguments(
            output_dir=str(folder), max_steps=len(batches), num_train_epochs=1, seed=loop.seed,
            per_device_train_batch_size=recipe.batch_size, max_grad_norm=recipe.max_grad_norm,
            save_strategy="no", eval_strategy="no", logging_strategy="no", report_to="none",
            disable_tqdm=True, use_cpu=loop.model.device.type == "cpu",
            ddp_find_unused_parameters=True),
        train_dataset=_rows(), loss=Loss(loop),
        optimizers=(loop.optimizer, loop.schedule))
    trainer.loop, trainer.batches, trainer.module = loop, batches, Loss(loop)
    for found in list(trainer.callback_handler.callbacks):
        if isinstance(found, PrinterCallback | ProgressCallback) or "Card" in type(found).__name__:
            trainer.remove_callback(found)  # one of them encodes examples for a card of its own
    return trainer


def _rows() -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"anchor": ["a"], "positive": ["b"]})


def main() -> None:
    """Fit everything by every engine, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--recipes", nargs="+", default=["seed", "tandem"])
    parser.add_argument("--engines", nargs="+", default=["loop", "trainer"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--base", default=EMBEDDED_MODEL)
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed, data, recipe in itertools.product(options.seeds, options.data, options.recipes):
        # Whoever goes second finds memory and files warm: they take turns in that too.
        engines = options.engines if seed % 2 else options.engines[::-1]
        for engine in engines:
            rows.append(one_run(options, engine, data, recipe, seed))
            options.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
            print({key: value for key, value in rows[-1].items() if key != "events"}, flush=True)


def one_run(
    options: argparse.Namespace, engine: str, data: str, recipe: str, seed: int
) -> dict[str, Any]:
    """Fit once, and what came of it."""
    place, _, tokens = data.partition("@")
    values = [*options.set, *([f"max_seq_length={tokens}"] if tokens else [])]
    asked = RunSpec(data=place, base=options.base, seed=seed, recipe=named_recipe(
        recipe).with_values(dict(value.split("=", 1) for value in values)))
    run = open_run(options.runs / f"{Path(place).name}-{recipe}-{seed}-{engine}")
    run.update(**asked.as_record())
    corpus = load_corpus(place, seed)
    cpu, wall = time.process_time(), time.monotonic()
    for resume in (False, True) if engine == "trainer-pause" else (False,):
        made = (_Fit if engine == "loop" else TrainerFit)(
            asked.recipe, corpus, run, asked.base, None, seed, None, resume, Stop().on_signals(),
            None, Team())
        if engine == "trainer-pause" and not resume and isinstance(made, TrainerFit):
            made.pauses_halfway = True
        for event in made.events():
            run.append(event)
    record, events = run.record(), run.events()
    return {
        "data": Path(place).name, "recipe": recipe, "seed": seed, "engine": engine,
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "seconds": round(time.monotonic() - wall, 1),
        "status": record.status, "steps": record.steps_done,
        "history": [[at.epoch, at.step, at.ndcg] for at in record.history],
        **{split: record.metrics[split].tuned[PRIMARY] for split in ("dev", "test")},
        "losses": sum(isinstance(event, LossEvent) for event in events),
        "events": [f"{event.type} {getattr(event, 'phase', getattr(event, 'epoch', ''))}"
                   for event in events if not isinstance(event, StepEvent | LossEvent)
                   and getattr(event, "encoded", None) is None],
    }


if __name__ == "__main__":
    main()
