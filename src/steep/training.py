"""Training: one plain PyTorch loop, which serves the original network and, with a changing sharpness, the sharpened
one."""

import ctypes
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from steep.batch_norm import ESTIMATION_FRAMES, estimate, norms_of
from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor, logits, scaled
from steep.recipes import Augmentation, Optimizer, TrainingRecipe
from steep.resume import Checkpoint, checkpoint_at, training_key
from steep.settings import DETERMINISTIC, torch_settings

log = logging.getLogger(__name__)

# Stages of the study, each with random numbers of its own. Training on and sharpening see the same batches.
ORIGINAL, AFTERWARDS = 0, 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
ESTIMATION_BATCH = 1000
OPTIMIZERS: dict[Optimizer, Callable[[Iterator[nn.Parameter], float, float], torch.optim.Optimizer]] = {
    "rmsprop": lambda p, rate, decay: torch.optim.RMSprop(p, lr=rate, weight_decay=decay, foreach=True),
    "adam": lambda p, rate, decay: torch.optim.Adam(p, lr=rate, weight_decay=decay, fused=True),
    "sgd": lambda p, rate, decay: torch.optim.SGD(p, lr=rate, weight_decay=decay, momentum=0.9, fused=True),
}


def keep_memory() -> None:
    """Let the C library keep the memory of tensors that are no more.

    glibc hands blocks of more than 32 MiB back to the system at once; the next batch asks for them anew, and the system
    clears them page by page. Numbers stay the same. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        # Older versions refuse more than 32 MiB (mallopt(3)); unset, it would now stay at 128 KiB for good.
        mallopt(M_MMAP_THRESHOLD, 2**31 - 1) or mallopt(M_MMAP_THRESHOLD, 2**25)


def prepare_torch(seed: int, stream: int) -> torch.Generator:
    """Make torch repeatable for a seed and a stream of random numbers: one compute thread (other thread counts give
    other bits), seeded, deterministic kernels only. It stays so; see `steep.settings` for going back.

    Returns
    -------
    The generator that shuffles the batches.

    """
    keep_memory()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    DETERMINISTIC.fill_uninitialized_memory = False  # every kernel used writes all it returns
    state, shuffle = (int(n) for n in np.random.SeedSequence([seed, stream]).generate_state(2))
    torch.manual_seed(state)
    return torch.Generator().manual_seed(shuffle)


def evaluate(network: DeepNetwork, x: Tensor, labels: Tensor) -> tuple[float, int]:
    """Return the mean cross-entropy (nats) and the number of frames classified rightly."""
    scores = logits(network, x)
    return float(functional.cross_entropy(scores, labels)), int((scores.argmax(1) == labels).sum())


def augment(values: Tensor, random: torch.Generator, augmentation: Augmentation) -> Tensor:
    """Return uint8 frames (frames, channels, height, width), each moved by up to `shift` pixels up or down and left or
    right, zeros moving in, and mirrored left to right with probability 1/2 if `flip`."""
    count, _, height, width = values.shape
    if shift := augmentation.shift:
        padded = functional.pad(values, (shift,) * 4)
        start = torch.randint(0, 2 * shift + 1, (2, count, 1), generator=random)
        row, column = start[0] + torch.arange(height), start[1] + torch.arange(width)
        # Indexed this way the channels come last; the view puts them back.
        frame = torch.arange(count)[:, None, None]
        values = padded[frame, :, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)
    if augmentation.flip:
        mirrored = torch.randint(0, 2, (count, 1, 1, 1), generator=random, dtype=torch.bool)
        values = torch.where(mirrored, values.flip(3), values)
    return values


def estimate_statistics(network: DeepNetwork, x: Tensor) -> None:
    """Estimate the statistics of batch normalisation anew, on frames `x` (see `steep.batch_norm`)."""
    if norms_of(network) and len(x) < 2:
        raise SteepError(f"batch normalisation needs 2 training frames or more, there is {len(x)}; set fewer aside")
    estimate(network, x.chunk(max(1, len(x) // ESTIMATION_BATCH)))
    network.train()


def learning_rate(progress: float, warmup: float) -> float:
    """Return the learning rate at a training's progress (0 to 1), as a fraction of the highest: it rises from zero in a
    straight line until `warmup` and then falls to zero along a cosine."""
    if progress < warmup:
        return progress / warmup
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


# What training minimises, of frames, their scores and labels.
Objective = Callable[[Tensor, Tensor, Tensor], Tensor]


def classification(x: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy (nats) of `scores` (frames, classes) and `labels`, whatever the frames `x`."""
    return functional.cross_entropy(scores, labels)


def fit(
    network: DeepNetwork,
    frames: Frames,
    recipe: TrainingRecipe,
    shuffle: torch.Generator,
    before_batch: Callable[[float], None],
    after_epoch: Callable[[int, float], None],
    checkpoint: Checkpoint | None = None,
    objective: Objective = classification,
) -> None:
    """Minimise the objective on `frames`, with a learning rate that changes (see `learning_rate`).

    After every epoch the statistics of batch normalisation are estimated anew, without dropout.

    Parameters
    ----------
    network : trained in place.
    frames : training frames; they stay in memory as they are, one byte a value.
    recipe : what its loop needs; the dropout is the network's own.
    shuffle : generator of the batch order.
    before_batch : called with the training progress, 0 to 1.
    after_epoch : called with the number of epochs done and the mean training loss.
    checkpoint : where training goes on, if an earlier one was interrupted, and where its state is kept.
    objective : what is minimised, of a batch of frames as the network sees them, its scores and its labels; other
        networks that it asks work in the recipe's precision too.

    Raises
    ------
    SteepError
        when the loss stops being a number, or there are fewer frames than one batch.

    """
    x, labels = torch.from_numpy(frames.values), torch.from_numpy(frames.labels.astype(np.int64))
    brief = recipe.precision == "bfloat16"
    if brief and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        log.warning("this processor has no bfloat16: expect ten times the training time, or write precision: float32")
    size, epochs, rate = recipe.batch_size, recipe.epochs, recipe.learning_rate
    batches = len(x) // size  # what is left over of an epoch is dropped; the next epoch shuffles anew
    if batches == 0:
        raise SteepError(f"batch_size is {size}, but there are only {len(x)} training frames; write a smaller number")
    if size < 2 and network.spec["batch_normalization"]:
        raise SteepError(f"batch_size is {size}, which has no variance for batch normalisation; write 2 or more")
    optimizer = OPTIMIZERS[recipe.optimizer](network.parameters(), rate, recipe.weight_decay)
    network.train()
    done = checkpoint.restore(network, optimizer, shuffle) if checkpoint else 0
    for epoch in range(done, epochs):
        order = torch.randperm(len(x), generator=shuffle)
        total = torch.zeros(())
        for batch in range(batches):
            progress = (epoch * batches + batch) / (epochs * batches)
            for group in optimizer.param_groups:
                group["lr"] = rate * learning_rate(progress, recipe.warmup)
            before_batch(progress)
            chosen = order[batch * size : (batch + 1) * size]
            batch_of_frames = scaled(augment(x[chosen], shuffle, recipe.augmentation), frames.full_scale)
            with torch.autocast("cpu", torch.bfloat16, enabled=brief):
                loss = objective(batch_of_frames, network(batch_of_frames).float(), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        estimate_statistics(network, scaled(x[:ESTIMATION_FRAMES], frames.full_scale))
        mean = float(total) / batches
        if not math.isfinite(mean):
            raise SteepError(f"the training loss became {mean} in epoch {epoch + 1}; write a smaller learning_rate")
        after_epoch(epoch + 1, mean)
        if checkpoint and epoch + 1 < epochs:
            checkpoint.save(epoch + 1, network, optimizer, shuffle)


class History:
    """One row of figures per epoch, and a progress line for whoever watches."""

    def __init__(self, network: DeepNetwork, validation: Frames, epochs: int) -> None:
        """Keep the validation frames as tensors."""
        self.network, self.epochs, self.started = network, epochs, time.monotonic()
        self.x, self.labels = as_tensor(validation), torch.from_numpy(validation.labels.astype(np.int64))
        self.rows: list[dict[str, float]] = []
        self.before = 0  # epochs that an interrupted run had done

    @property
    def losses(self) -> list[float]:
        """Validation loss after each epoch of this training."""
        return [row["validation_loss"] for row in self.rows if row["epoch"]]

    def note(self, epoch: int, train_loss: float, sharpness: float) -> None:
        """Measure the network on the validation frames at its present sharpness and say so."""
        loss, correct = evaluate(self.network, self.x, self.labels)
        accuracy = 100 * correct / len(self.x)
        self.rows.append(
            {
                "epoch": epoch,
                "sharpness": sharpness,
                "train_loss": train_loss,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
            }
        )
        elapsed = time.monotonic() - self.started
        left = elapsed / (epoch - self.before) * (self.epochs - epoch) if epoch else math.nan
        parts = [f"epoch {epoch}/{self.epochs}", f"sharpness {sharpness:.2f}", f"validation {accuracy:.2f}%"]
        if epoch:  # epoch 0 is the network that training starts from
            parts += [f"loss {train_loss:.4f}", f"{left:.0f} s left"]
        log.info(", ".join(parts))

    def state(self) -> dict[str, np.ndarray]:
        """Return the rows, for a checkpoint; JSON gives back every float to the last bit."""
        return {"history": np.array(json.dumps(self.rows))}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over the rows of an interrupted run."""
        self.rows = json.loads(str(state["history"]))
        self.before = int(self.rows[-1]["epoch"])


@torch_settings()
def train_original(
    spec: dict[str, Any],
    recipe: TrainingRecipe,
    train: Frames,
    validation: Frames,
    seed: int,
    checkpoint: Path | None = None,
) -> tuple[DeepNetwork, list[dict[str, float]]]:
    """Train a network with its ordinary activation.

    Parameters
    ----------
    spec : what the network is (see `DeepNetwork`).
    recipe : how.
    train, validation : frames; the validation frames are only measured, never learnt.
    seed : of initial weights, dropout and batch order.
    checkpoint : file to go on from after an interruption (see `steep.resume`).

    Returns
    -------
    The network and one row per epoch.

    """
    shuffle = prepare_torch(seed, ORIGINAL)
    network = DeepNetwork(spec, recipe.dropout, recipe.input_dropout)
    history = History(network, validation, recipe.epochs)
    key = training_key("steep.training", seed, recipe.written(), (train, validation), spec)
    fit_plainly(network, train, recipe, shuffle, history, checkpoint_at(checkpoint, key, (history,)))
    return network, history.rows


def fit_plainly(
    network: DeepNetwork,
    frames: Frames,
    recipe: TrainingRecipe,
    shuffle: torch.Generator,
    history: History,
    checkpoint: Checkpoint | None,
) -> None:
    """Train without sharpening, see `fit`."""
    fit(
        network,
        frames,
        recipe,
        shuffle,
        before_batch=lambda progress: None,
        after_epoch=lambda epoch, loss: history.note(epoch, loss, 0.0),
        checkpoint=checkpoint,
    )


def restore(tensors: dict[str, np.ndarray], spec: dict[str, Any], recipe: TrainingRecipe) -> DeepNetwork:
    """Return a stored original network, with the dropout of `recipe`."""
    network = DeepNetwork(spec, recipe.dropout, recipe.input_dropout)
    network.load(tensors)
    return network


@torch_settings()
def continue_original(
    tensors: dict[str, np.ndarray],
    spec: dict[str, Any],
    recipe: TrainingRecipe,
    train: Frames,
    validation: Frames,
    seed: int,
    checkpoint: Path | None = None,
) -> tuple[DeepNetwork, list[dict[str, float]]]:
    """Train an original network on with the recipe of sharpening, but without sharpening it.

    The control: sharpening adds epochs; the fair comparison for a sharpened network is an ordinary one that had them.

    Parameters
    ----------
    tensors, spec : the original network.
    recipe, train, validation, seed, checkpoint : as for `train_original`.

    """
    shuffle = prepare_torch(seed, AFTERWARDS)
    network = restore(tensors, spec, recipe)
    history = History(network, validation, recipe.epochs)
    key = training_key("steep.training", seed, recipe.written(), (train, validation), spec, tensors)
    fit_plainly(network, train, recipe, shuffle, history, checkpoint_at(checkpoint, key, (history,)))
    return network, history.rows
