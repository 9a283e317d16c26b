"""Sharpening, the heart of the talk: activations become step functions while the network goes on training."""
