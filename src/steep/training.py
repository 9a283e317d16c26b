"""Training: one plain PyTorch loop, which serves the original network and, with a changing sharpness, the sharpened
one."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import DeepNetwork, as_tensor, logits

log = logging.getLogger(__name__)

# Stages of the study, each with random numbers of its own. Training on and sharpening see the same batches.
ORIGINAL, AFTERWARDS = 0, 1
OPTIMIZERS = {
    "rmsprop": lambda parameters, rate: torch.optim.RMSprop(parameters, lr=rate, foreach=True),
    "adam": lambda parameters, rate: torch.optim.Adam(parameters, lr=rate, fused=True),
    "sgd": lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9, fused=True),
}


def prepare_torch(seed: int, stage: int) -> torch.Generator:
    """Make torch repeatable for a seed and a stage of the study: one compute thread (other thread counts give other
    bits), seeded, deterministic kernels only.

    Returns
    -------
    The generator that shuffles the batches.

    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    state, shuffle = (int(n) for n in np.random.SeedSequence([seed, stage]).generate_state(2))
    torch.manual_seed(state)
    return torch.Generator().manual_seed(shuffle)


def evaluate(network: DeepNetwork, x: Tensor, labels: Tensor) -> tuple[float, int]:
    """Return the mean cross-entropy (nats) and the number of frames classified rightly."""
    scores = logits(network, x)
    return float(functional.cross_entropy(scores, labels)), int((scores.argmax(1) == labels).sum())


def fit(
    network: DeepNetwork,
    frames: Frames,
    recipe: dict[str, Any],
    shuffle: torch.Generator,
    before_batch: Callable[[float], None],
    after_epoch: Callable[[int, float], None],
) -> None:
    """Minimise the cross-entropy on `frames`; the learning rate falls to zero along a cosine.

    Parameters
    ----------
    network : trained in place.
    frames : training frames; they stay in memory as one float32 tensor.
    recipe : ``optimizer``, ``learning_rate``, ``batch_size``, ``epochs``.
    shuffle : generator of the batch order.
    before_batch : called with the training progress, 0 to 1.
    after_epoch : called with the number of epochs done and the mean training loss.

    Raises
    ------
    SteepError
        when the loss stops being a number, or there are fewer frames than one batch.

    """
    x, labels = as_tensor(frames.values), torch.from_numpy(frames.labels.astype(np.int64))
    size, epochs, rate = recipe["batch_size"], recipe["epochs"], recipe["learning_rate"]
    batches = len(x) // size  # what is left over of an epoch is dropped; the next epoch shuffles anew
    if batches == 0:
        raise SteepError(f"batch_size is {size}, but there are only {len(x)} training frames; write a smaller number")
    optimizer = OPTIMIZERS[recipe["optimizer"]](network.parameters(), rate)
    network.train()
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=shuffle)
        total = torch.zeros(())
        for batch in range(batches):
            progress = (epoch * batches + batch) / (epochs * batches)
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * progress)) / 2
            before_batch(progress)
            chosen = order[batch * size : (batch + 1) * size]
            loss = functional.cross_entropy(network(x[chosen]), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        mean = float(total) / batches
        if not math.isfinite(mean):
            raise SteepError(f"the training loss became {mean} in epoch {epoch + 1}; write a smaller learning_rate")
        after_epoch(epoch + 1, mean)


class History:
    """One row of figures per epoch, and a progress line for whoever watches."""

    def __init__(self, network: DeepNetwork, validation: Frames, epochs: int) -> None:
        """Keep the validation frames as tensors."""
        self.network, self.epochs, self.started = network, epochs, time.monotonic()
        self.x, self.labels = as_tensor(validation.values), torch.from_numpy(validation.labels.astype(np.int64))
        self.rows: list[dict[str, float]] = []

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
        left = elapsed / epoch * (self.epochs - epoch) if epoch else math.nan
        parts = [f"epoch {epoch}/{self.epochs}", f"sharpness {sharpness:.2f}", f"validation {accuracy:.2f}%"]
        if epoch:  # epoch 0 is the network that training starts from
            parts += [f"loss {train_loss:.4f}", f"{left:.0f} s left"]
        log.info(", ".join(parts))


def train_original(
    spec: dict[str, Any], recipe: dict[str, Any], train: Frames, validation: Frames, seed: int
) -> tuple[DeepNetwork, list[dict]]:
    """Train a network with its ordinary activation.

    Parameters
    ----------
    spec : what the network is (see `DeepNetwork`).
    recipe : the config's ``original`` recipe.
    train, validation : frames; the validation frames are only measured, never learnt.
    seed : of initial weights, dropout and batch order.

    Returns
    -------
    The network and one row per epoch.

    """
    shuffle = prepare_torch(seed, ORIGINAL)
    network = DeepNetwork(spec, recipe["dropout"], recipe["input_dropout"])
    history = History(network, validation, recipe["epochs"])
    fit(network, train, recipe, shuffle, lambda progress: None, lambda epoch, loss: history.note(epoch, loss, 0.0))
    return network, history.rows


def restore(tensors: dict[str, np.ndarray], spec: dict[str, Any], recipe: dict[str, Any]) -> DeepNetwork:
    """Return a stored original network, with the dropout of `recipe`."""
    network = DeepNetwork(spec, recipe["dropout"], recipe["input_dropout"])
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    return network


def continue_original(
    tensors: dict[str, np.ndarray],
    spec: dict[str, Any],
    recipe: dict[str, Any],
    train: Frames,
    validation: Frames,
    seed: int,
) -> tuple[DeepNetwork, list[dict]]:
    """Train an original network on with the recipe of sharpening, but without sharpening it.

    The control: sharpening adds epochs; the fair comparison for a sharpened network is an ordinary one that had them.

    Parameters
    ----------
    tensors, spec : the original network.
    recipe, train, validation, seed : as for `train_original`.

    """
    shuffle = prepare_torch(seed, AFTERWARDS)
    network = restore(tensors, spec, recipe)
    history = History(network, validation, recipe["epochs"])
    fit(network, train, recipe, shuffle, lambda progress: None, lambda epoch, loss: history.note(epoch, loss, 0.0))
    return network, history.rows
