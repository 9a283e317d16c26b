"""Settings of PyTorch that a computation needs and its caller may not want: set for a while, then as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# A module with an attribute that its types do not know, `fill_uninitialized_memory`.
DETERMINISTIC: Any = torch.utils.deterministic


@contextmanager
def torch_settings(threads: int = 1) -> Iterator[None]:
    """Compute with so many threads (other numbers of them give other bits); at the end put back PyTorch's number of
    threads, its choice of kernels and its random numbers. Serves as a decorator too."""
    before, state = torch.get_num_threads(), torch.get_rng_state()
    fixed, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fills = DETERMINISTIC.fill_uninitialized_memory
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        if chosen != (fixed, warns):  # it imports half of PyTorch, which must not begin anew after Ctrl-C
            torch.use_deterministic_algorithms(fixed, warn_only=warns)
        DETERMINISTIC.fill_uninitialized_memory = fills
        torch.set_rng_state(state)
