"""Sharpening, the heart of the talk: activations become step functions while the network goes on training."""

# The keys of a sharpening recipe that a training without sharpening has no use for.
SHARPENING_ONLY = ("shape", "schedule", "surrogate_slope", "ceiling", "distillation")
