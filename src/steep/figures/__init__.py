"""Figures: one module each, a pure function of saved results."""

# Filters of a convolution that fit in one picture, each a colour of its own.
FEW_FILTERS = 3
