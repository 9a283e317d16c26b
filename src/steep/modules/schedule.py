"""Sharpening along a user's own training loop."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from steep.batch_norm import ESTIMATION_FRAMES, estimate, norms_of
from steep.errors import SteepError
from steep.modules.places import evaluating, places_of
from steep.recipes import BottomUp, Uniform
from steep.sharpening.schedules import Moment, sharpness_at


class Sharpener:
    """Sets the sharpness of a module's places, one step of the optimizer after the other, as a scheduler sets learning
    rates.

    Parameters
    ----------
    module : sharpened by `steep.sharpen`.
    steps : calls of `step` in the whole training.
    full_at : part of the training after which all places are steps; the rest trains on with steps.
    bottom_up : one place after the other, in the order of the forward pass, and not all together.

    Examples
    --------
    >>> import steep, torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> _ = steep.sharpen(net, torch.rand(100, 2))
    >>> sharpener = Sharpener(net, steps=8, full_at=0.5)
    >>> for _ in range(5):
    ...     print(sharpener.sharpness)
    ...     sharpener.step()
    (0.0,)
    (0.25,)
    (0.5,)
    (0.75,)
    (1.0,)

    """

    def __init__(self, module: nn.Module, steps: int, full_at: float = 0.5, bottom_up: bool = False) -> None:
        """Begin at sharpness 0."""
        if steps < 1 or not 0 < full_at <= 1:
            raise SteepError(
                f"steps is {steps}, full_at {full_at}; write a step or more, and a part above 0 and up to 1"
            )
        self.places = places_of(module)
        self.steps, self.done = steps, 0
        self.schedule = BottomUp(full_at=full_at) if bottom_up else Uniform(full_at=full_at)
        self._set()

    def step(self) -> None:
        """Go one step on; call it after each step of the optimizer."""
        self.done += 1
        self._set()

    @property
    def sharpness(self) -> tuple[float, ...]:
        """Sharpness of each place, 0 to 1."""
        progress = min(1.0, self.done / self.steps)
        return sharpness_at(Moment(progress), len(self.places.places), self.schedule)

    def _set(self) -> None:
        self.places.set_sharpness(self.sharpness)

    def state_dict(self) -> dict[str, Any]:
        """Return how far sharpening has come."""
        return {"done": self.done, "steps": self.steps, "schedule": repr(self.schedule)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken; SteepError when that was a training of another length."""
        if state["steps"] != self.steps:
            raise SteepError(f"the saved sharpening has {state['steps']} steps, this one {self.steps}; give it as many")
        if state.get("schedule", repr(self.schedule)) != repr(self.schedule):
            raise SteepError(f"the saved sharpening went by {state['schedule']}, this one goes by {self.schedule!r}")
        self.done = int(state["done"])
        self._set()


def estimate_statistics(module: nn.Module, batches: Iterable[Any], frames: int = ESTIMATION_FRAMES) -> None:
    """Estimate the statistics of batch normalisation anew, without dropout: the last thing before compilation.

    `steep.batch_norm` says why. On an error the statistics stay as they were.

    Parameters
    ----------
    module : its running means and variances are replaced by the mean over the batches.
    batches : such as a data loader: of what the module takes, or of tuples that begin with it.
    frames : how many to look at, about.

    """
    if isinstance(batches, Tensor):
        raise SteepError("the batches are one tensor; give a list of tensors, or a data loader")
    norms = norms_of(module)
    before = [{name: buffer.clone() for name, buffer in norm.named_buffers(recurse=False)} for norm in norms]
    device = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), None)
    done = False
    try:
        with evaluating(module):
            estimate(module, (x.to(device) for x in _some(batches, frames)))
        done = True
    finally:
        # What the pass did not come to, or came to in vain, is as it was.
        for norm, buffers in zip(norms, before, strict=True):
            if not done or int(norm.get_buffer("num_batches_tracked")) == 0:
                for name, buffer in buffers.items():
                    norm.get_buffer(name).copy_(buffer)


def _some(batches: Iterable[Any], frames: int) -> Iterator[Tensor]:
    """Yield batches of two frames or more, which have a variance, until there were so many frames."""
    seen = 0
    for batch in batches:
        x = batch[0] if isinstance(batch, list | tuple) else batch
        if not isinstance(x, Tensor):
            raise SteepError(f"a batch begins with a {type(x).__name__}; give tensors, or tuples of them")
        if len(x) > 1:
            yield x
            seen += len(x)
        if seen >= frames:
            return
    if not seen:
        raise SteepError("there is no batch of two frames or more to estimate batch normalisation on; give one")
