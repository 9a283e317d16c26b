"""Sharpening in a training by Lightning."""

from typing import Any

from steep.extras import optional
from steep.modules.places import NAME, Places
from steep.modules.schedule import Sharpener

with optional():
    from lightning.pytorch import Callback, LightningModule, Trainer


class Sharpening(Callback):  # type: ignore[misc, unused-ignore]
    """Sharpens a module while a `Trainer` fits it: ``Trainer(callbacks=[steep.Sharpening()])``.

    Parameters
    ----------
    full_at, bottom_up : as of `steep.Sharpener`; the number of steps is the trainer's.

    """

    def __init__(self, full_at: float = 0.5, bottom_up: bool = False) -> None:
        """Take the schedule."""
        self.full_at, self.bottom_up = full_at, bottom_up
        self.sharpener: Sharpener | None = None
        self.loaded: dict[str, Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin, or go on from a checkpoint."""
        steps = int(trainer.estimated_stepping_batches)
        sharpened = next(one for one in pl_module.modules() if isinstance(getattr(one, NAME, None), Places))
        self.sharpener = Sharpener(sharpened, steps, self.full_at, self.bottom_up)
        if self.loaded is not None:
            self.sharpener.load_state_dict(self.loaded)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        """Follow the trainer's steps of the optimizer."""
        assert self.sharpener is not None
        while self.sharpener.done < trainer.global_step:
            self.sharpener.step()

    def state_dict(self) -> dict[str, Any]:
        """Return how far sharpening has come."""
        return {} if self.sharpener is None else self.sharpener.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there when training starts."""
        self.loaded = state_dict or None
