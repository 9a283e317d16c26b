"""Sharpening, the heart of the talk: activations become step functions while the network goes on training."""

from steep.recipes import SharpeningRecipe, TrainingRecipe

# The keys of a sharpening recipe that a training without sharpening has no use for.
SHARPENING_ONLY = tuple(name for name in SharpeningRecipe.known() if name not in TrainingRecipe.known())
