"""The training loop: steps, epochs, checkpoints, and the stop on Ctrl-C. `launch.run` sets it up."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from numpy.typing import NDArray
from torch import nn

from xnorkit.errors import CheckpointError, RangeError
from xnorkit.nn import clip_weights_, set_progress_
from xnorkit.train import rng
from xnorkit.train.batch_norm import average_over_processes, recalibrate
from xnorkit.train.batches import Pictures, Streamed, augment, order
from xnorkit.train.checkpoint import CheckpointInfo, save
from xnorkit.train.diagnostics import Diagnostics
from xnorkit.train.evaluation import evaluate_together
from xnorkit.train.objective import Objective
from xnorkit.train.optim import restore as restore_optimizer
from xnorkit.train.optim import set_factor
from xnorkit.train.progress import Reporter
from xnorkit.train.records import Records
from xnorkit.train.schedule import factor
from xnorkit.train.signals import StopRequest

STOP_CHECK_STEPS = 8
"""With many processes, how often they agree whether to stop."""


@dataclass
class Position:
    """Where a run stands; together with parameters, optimizer and random states, all that a resume needs.

    epoch: whole epochs done; step: steps into the next.
    history: metrics of each epoch; best: the row `best` was saved at.
    """

    epoch: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    seconds: float = 0.0
    """Spent in the epoch under way before this process."""


class Trainer:
    """One run over prepared parts; every process of a distributed run holds one.

    Parameters
    ----------
    info: what checkpoints say about the model and data; epoch, step and metrics are filled in here.
    model: the bare module (checkpoints, evaluation, clipping); stepped: the same as Accelerate prepared it.
    optimizer: as Accelerate prepared it.
    data: the training pictures; monitor: the split looked at after each epoch, and its name.
    objective: what a step makes small; the loss of the labels alone is what evaluation shows.
    """

    def __init__(self, info: CheckpointInfo, out: Path, accelerator: Accelerator, model: nn.Module, stepped: nn.Module,
                 optimizer: Any, data: Pictures | Streamed, monitor: tuple[str, Pictures | Streamed],
                 objective: Objective,
                 reporter: Reporter, records: Records) -> None:  # fmt: skip
        self.info, self.recipe, self.out = info, info.recipe, out
        self.accelerator, self.model, self.stepped, self.optimizer = accelerator, model, stepped, optimizer
        self.data, self.monitor, self.reporter, self.records = data, monitor, reporter, records
        self.objective = objective
        self.steps = len(data) // self.recipe.train.batch
        self.watch: Diagnostics | None = None
        if self.recipe.train.diagnose and accelerator.is_main_process:
            self.watch = Diagnostics(model, every=self.recipe.train.diagnose)
        self.at = Position()
        self.sums = self._no_sums()

    def _no_sums(self) -> torch.Tensor:
        """(2 + P,): the loss, the right answers and the loss's P parts, summed over this process's pictures of the
        epoch."""
        kind = torch.float32 if self.accelerator.device.type == "mps" else torch.float64
        return torch.zeros(2 + len(self.objective.parts), dtype=kind, device=self.accelerator.device)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps * self.recipe.train.epochs

    @property
    def done_steps(self) -> int:
        """Steps behind, those of earlier processes included."""
        return self.at.epoch * self.steps + self.at.step

    def fit(self, stop: StopRequest) -> None:
        """Run to the recipe's last epoch.

        Raises
        ------
        KeyboardInterrupt: a stop was asked for; `last` holds the state at that step.
        RangeError: the loss is no longer a number; `last` is the last good epoch.
        """
        try:
            while self.at.epoch < self.recipe.train.epochs:
                self._epoch(stop)
        finally:
            self.objective.close()
            if self.watch is not None:
                self.watch.close()

    def _epoch(self, stop: StopRequest) -> None:
        begun = time.monotonic()
        train, batch = self.recipe.train, self.recipe.train.batch
        positions = order(len(self.data), self.recipe.seed, self.at.epoch)
        self.stepped.train()
        while self.at.step < self.steps:
            first = self.at.step * batch
            self._step(positions[first : first + batch], positions[first + batch : first + 2 * batch])
            self.at.step += 1
            if self._asked_to(stop):
                self.at.seconds += time.monotonic() - begun
                self.save_last()
                raise KeyboardInterrupt
            if train.checkpoint_steps and self.at.step < self.steps and self.at.step % train.checkpoint_steps == 0:
                elapsed, self.at.seconds = self.at.seconds, self.at.seconds + time.monotonic() - begun
                self.save_last()
                self.at.seconds = elapsed
        self._close_epoch(self.at.seconds + time.monotonic() - begun)

    def _step(self, chosen: NDArray[np.int64], then: NDArray[np.int64]) -> None:
        """One optimizer step on the whole batch ``chosen``, of which this process takes its share; ``then`` is next."""
        recipe, accelerator = self.recipe, self.accelerator
        mine = slice(accelerator.process_index, None, accelerator.num_processes)
        labels = self.data.labels[torch.from_numpy(chosen[mine]).to(accelerator.device)]
        key = (recipe.seed, self.at.epoch, self.at.step)
        images = augment(self.data.drawn(chosen, mine, key), mine, len(chosen), key, shift=recipe.data.shift,
                         flip=recipe.data.flip, cutout=recipe.data.cutout)  # fmt: skip
        if len(then) == len(chosen):
            self.data.expect(then, mine, (recipe.seed, self.at.epoch, self.at.step + 1))
        set_factor(self.optimizer, self.factor())
        set_progress_(self.model, min(1.0, self.done_steps / self.total_steps))
        pixels = images.float()
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=recipe.train.precision == "bfloat16"):
            with self.objective.watching():
                scores = self.stepped(pixels).float()
            loss, parts = self.objective(scores, labels, pixels)
        self.optimizer.zero_grad()
        accelerator.backward(loss)
        if recipe.optim.clip_norm is not None:
            accelerator.clip_grad_norm_(self.model.parameters(), recipe.optim.clip_norm)
        self.optimizer.step()
        if recipe.train.clip_latent:
            clip_weights_(self.model)
        if self.watch is not None:
            self.watch.step()
        with torch.no_grad():
            right, kind = (scores.argmax(1) == labels).sum(), self.sums.dtype
            means = torch.cat([loss.detach().to(kind)[None], parts.to(kind)]) * len(labels)
            self.sums += torch.cat([means[:1], right.to(kind)[None], means[1:]])
        self.reporter.step(self.done_steps + 1, loss.detach())

    def factor(self) -> float:
        """The schedule's factor on the learning rates at the step about to be made."""
        done = min(self.done_steps, self.total_steps - 1)
        return factor(self.recipe.schedule, done, self.steps, self.recipe.train.epochs)

    def _asked_to(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; all of them answer alike."""
        if self.accelerator.num_processes == 1:
            return stop.asked
        if self.at.step % STOP_CHECK_STEPS:
            return False
        flag = torch.tensor(int(stop.asked), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)

    def _close_epoch(self, seconds: float) -> None:
        """Evaluate, note the metrics, save `best` and `last`."""
        recipe, count = self.recipe, self.steps * self.recipe.train.batch
        rate = recipe.optim.lr * factor(recipe.schedule, self.done_steps - 1, self.steps, recipe.train.epochs)
        loss, right, *parts = (self.accelerator.reduce(self.sums, "sum") / count).tolist()
        if not math.isfinite(loss):
            raise RangeError("train", f"the loss of epoch {self.at.epoch + 1} is no number", got=loss,
                             hint="lower optim.lr or set optim.clip_norm; last/ holds the epoch before")  # fmt: skip
        average_over_processes(self.model, self.accelerator)
        if recipe.train.bn_recalibrate:
            recalibrate(self.model, self.data, recipe.train.bn_recalibrate, recipe.train.batch)
        split, pictures = self.monitor
        found = evaluate_together(self.model, pictures, self.accelerator, self.objective.labels)
        row = {"epoch": self.at.epoch + 1, "step": self.done_steps, "lr": rate, "train_loss": loss, "train_top1": right,
               **{f"train_loss_{part}": value for part, value in zip(self.objective.parts, parts, strict=True)},
               "eval_split": split, **{f"eval_{k}": v for k, v in found.summary().items()},
               "seconds": round(seconds, 3)}  # fmt: skip
        at = self.at
        better = split != "holdout" or at.best is None or row["eval_top1"] > at.best["eval_top1"]
        self.at = Position(at.epoch + 1, 0, [*at.history, row], row if better else at.best)
        self.sums = self._no_sums()
        if better:
            self._save("best", None)
        self.save_last()
        if self.accelerator.is_main_process:
            self.records.epoch(self.at.history)
        self._tell_findings()
        self.reporter.epoch(row, recipe.train.epochs)

    def _tell_findings(self) -> None:
        """Record the epoch's diagnosis; tell what is wrong the first time a layer has it."""
        if self.watch is None:
            return
        report = self.watch.report()
        for finding in self.records.diagnosis(self.at.epoch, self.done_steps, report):
            self.reporter.note(f"{finding.text}; {finding.cure}")
        self.watch.reset()

    def save_last(self) -> None:
        """Write `last`: everything a resume needs, random states and buffers of every process included."""
        own = {"rng": rng.take(self.accelerator.device), "sums": self.sums.cpu(),
               "buffers": {name: buffer.cpu() for name, buffer in self.model.named_buffers()}}  # fmt: skip
        self._save("last", {
            "optimizer": self.optimizer.state_dict(), "processes": gather_object([own]),
            "threads": torch.get_num_threads(), "position": vars(self.at), "teacher": self.objective.identity,
        })  # fmt: skip

    def _save(self, name: str, state: dict[str, Any] | None) -> None:
        if self.accelerator.is_main_process:
            metrics = self.at.history[-1] if self.at.history else None
            info = replace(self.info, epoch=self.at.epoch, step=self.at.step, metrics=metrics)
            save(self.out / name, self.model, info, state)
        self.accelerator.wait_for_everyone()

    def restore(self, state: dict[str, Any]) -> list[str]:
        """Go on from a training state; returns what keeps the rest of the run from being bit-identical.

        Raises
        ------
        CheckpointError: the optimizer's state has another layout, or the teacher is not the one the run began with.
        """
        if state.get("teacher", "") != self.objective.identity:
            raise CheckpointError(str(self.out / "last"), "the teacher is not the one the run began with",
                                  hint="give the same distill.teacher, or start over with resume=never")  # fmt: skip
        restore_optimizer(self.optimizer, state["optimizer"], str(self.out / "last"))
        self.at = Position(**state["position"])
        processes, world = state["processes"], self.accelerator.num_processes
        doubts = []
        if len(processes) == world:
            own = processes[self.accelerator.process_index]
            rng.put(own["rng"], self.accelerator.device)
            self.sums = own["sums"].to(self.sums)
            for name, buffer in self.model.named_buffers():
                buffer.copy_(own["buffers"][name])
        else:
            doubts.append(f"{world} processes instead of {len(processes)}")
            self.sums = sum(p["sums"] for p in processes).to(self.sums) / world
        if state["threads"] != torch.get_num_threads():
            doubts.append(f"{torch.get_num_threads()} threads instead of {state['threads']}")
        return doubts
