"""Going on after an accident: the state of a training on disk after every epoch, in a file beside its output.

A training that was killed goes on after its last whole epoch and ends in the same bits as one that nobody disturbed:
the file holds everything the next epoch depends on, that is parameters and buffers, the optimizer's state, both random
generators and what was measured so far (from which the adaptive schedule follows). What it was written for is in it as
a key; a file with another key, or a damaged one, is ignored.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from steep.digest import code_digest
from steep.errors import SteepError
from steep.files import read_npz, remove, write_npz
from steep.frames import Frames

log = logging.getLogger(__name__)


class Kept(Protocol):
    """What a training has gathered so far, as arrays; the names must not collide with another's."""

    def state(self) -> dict[str, np.ndarray]:
        """Return everything gathered."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned, or raise KeyError or ValueError and change nothing."""


def training_key(
    module: str,
    seed: int,
    recipe: dict[str, Any],
    frames: Sequence[Frames],
    spec: dict[str, Any],
    tensors: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Digest of all that a training's outcome depends on.

    Parameters
    ----------
    module : the `steep` module that trains; it counts with all it imports and their versions.
    seed, recipe, frames, spec : of this training; `frames` are those for training and those for validation.
    tensors : what it starts from; None where the seed says so.

    Returns
    -------
    Hexadecimal SHA-256. The instruction set that torch uses is part of it, because another one gives other bits: a
    training is never begun on one kind of processor and ended on another.

    """
    settings = [module, code_digest(module), torch.backends.cpu.get_cpu_capability(), seed, recipe, spec]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    arrays = [array for part in frames for array in (part.values, part.labels)]
    arrays += [array for _, array in sorted((tensors or {}).items())]
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class Checkpoint:
    """The file with a training's state."""

    def __init__(self, path: Path, key: str, kept: Sequence[Kept]) -> None:
        """Name the file, its key (see `training_key`) and what is kept beside network, optimizer and generators."""
        self.path, self.key, self.kept = path, key, kept
        self.writable = True

    def save(self, epoch: int, network: nn.Module, optimizer: torch.optim.Optimizer, shuffle: torch.Generator) -> None:
        """Write the state after `epoch` epochs; where that is refused, say so once and train on."""
        state = {"key": np.array(self.key), "epoch": np.array(epoch)}
        state |= {f"network.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}
        for number, values in optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{number}.{name}": tensor.numpy() for name, tensor in values.items()}
        state |= {"random.torch": torch.get_rng_state().numpy(), "random.shuffle": shuffle.get_state().numpy()}
        for one in self.kept:
            state |= one.state()
        if self.writable:
            try:
                write_npz(self.path, state, compressed=False)
            except SteepError as error:
                self.writable = False
                log.warning("%s; training goes on, but could not be resumed", error)

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer, shuffle: torch.Generator) -> int:
        """Take over the stored state; return how many epochs it is after, 0 where there is none of this training."""
        try:
            state = read_npz(self.path, ("key", "epoch"))
        except SteepError as error:
            cause = error.__cause__
            if not isinstance(cause, FileNotFoundError):
                what = "not a whole checkpoint"
                if isinstance(cause, OSError) and cause.errno is not None:
                    what = f"cannot be read ({cause.strerror})"
                log.warning("%s: %s, ignored; training starts afresh", self.path, what)
            return 0
        try:
            if str(state["key"]) != self.key:
                log.info(
                    "%s: of other code, data, recipe, seed or processor, ignored; training starts afresh", self.path
                )
                return 0
            return self._apply(state, network, optimizer, shuffle)
        except (SteepError, KeyError, ValueError, RuntimeError, TypeError):
            log.warning("%s: not a whole checkpoint, ignored; training starts afresh", self.path)
            return 0

    def _apply(
        self,
        state: dict[str, np.ndarray],
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        shuffle: torch.Generator,
    ) -> int:
        """Check everything before anything is changed."""
        tensors = {name: torch.tensor(state[f"network.{name}"]) for name in network.state_dict()}
        for name, present in network.state_dict().items():
            if (tensors[name].shape, tensors[name].dtype) != (present.shape, present.dtype):
                raise ValueError(name)
        values: dict[int, dict[str, torch.Tensor]] = {}
        for name, array in state.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".")
                values.setdefault(int(number), {})[key] = torch.tensor(array)
        generators = [torch.tensor(state[f"random.{name}"]) for name in ("torch", "shuffle")]
        for generator in generators:
            torch.Generator().set_state(generator)  # refuses what is not a state
        for one in self.kept:
            one.restore(state)
        optimizer.load_state_dict({"state": values, "param_groups": optimizer.state_dict()["param_groups"]})
        network.load_state_dict(tensors)
        torch.set_rng_state(generators[0])
        shuffle.set_state(generators[1])
        epoch = int(state["epoch"])
        log.info("goes on after epoch %d, from %s", epoch, self.path)
        return epoch


def checkpoint_at(path: Path | None, key: str, kept: Sequence[Kept]) -> Checkpoint | None:
    """Return the checkpoint of a training in this file, None where it has no file."""
    return None if path is None else Checkpoint(path, key, kept)


def finish(path: Path | None) -> None:
    """Remove the file of a training whose outputs are written."""
    if path is not None:
        remove(path)
