"""Steep: deep networks trained into spiking networks, one frame per time step."""

__version__ = "0.1.0"
