"""Synaptic response functions made of delays.

Several synapses with different weights and delays from one neuron to another make any finite response: with weights
f(1), f(2), ... at delays 1, 2, ... and full leak, the membrane of the target d steps after a spike *is* f(d). The
responses here are the standard ones (Roth and van Rossum, 2009), sampled at the steps, with their peak scaled to the
largest weight and rounded to integers.
"""

import numpy as np

from steep.stpu.network import StpuNetwork


def alpha(steps: np.ndarray, tau: float) -> np.ndarray:
    """Alpha function, (t / tau) exp(1 - t / tau): 1 at its peak, t = tau. `steps` and `tau` in steps."""
    value: np.ndarray = steps / tau * np.exp(1 - steps / tau)
    return value


def difference_of_exponentials(steps: np.ndarray, rise: float, decay: float) -> np.ndarray:
    """Difference of exponentials, exp(-t / decay) - exp(-t / rise), scaled to 1 at its peak. All in steps, rise <
    decay."""
    peak = rise * decay / (decay - rise) * np.log(decay / rise)
    height = np.exp(-peak / decay) - np.exp(-peak / rise)
    value: np.ndarray = (np.exp(-steps / decay) - np.exp(-steps / rise)) / height
    return value


def response_network(response: np.ndarray, bits: int) -> StpuNetwork:
    """Return an input neuron and a target that never fires, joined by one synapse for each delay.

    Parameters
    ----------
    response : float64 (longest delay,), the response 1, 2, ... steps after the spike, in units of the largest weight.
    bits : of a signed weight.

    """
    count = len(response)
    never = float(count * 2**bits)
    return StpuNetwork(
        initial=np.zeros(2),
        threshold=np.array([0.0, never]),
        reset=np.zeros(2),
        leak=np.ones(2),
        is_input=np.array([True, False]),
        source=np.zeros(count, np.int64),
        target=np.ones(count, np.int64),
        weight=np.rint(response * (2 ** (bits - 1) - 1)),
        delay=np.arange(1, count + 1),
    )
