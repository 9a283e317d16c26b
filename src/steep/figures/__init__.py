"""Figures: one module each, a pure function of saved results."""
