"""Statistics over seeds."""

import math

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.95


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return mean and half-width of the 95% confidence interval of the mean (Student's t over seeds; NaN for one
    value)."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    return float(np.mean(values)), float(
        student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    )
