"""The examples in the docstrings of the public API give what stands below them."""

import doctest
from importlib import import_module

import pytest

MODULES = [
    "steep.frames",
    "steep.modules.compilation",
    "steep.modules.network",
    "steep.modules.schedule",
    "steep.modules.use",
    "steep.nir_export",
    "steep.recipes",
    "steep.simulators",
    "steep.spikes",
    "steep.stpu.layout",
    "steep.stpu.network",
    "steep.stpu.reference",
    "steep.threshold.network",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    done = doctest.testmod(import_module(name))
    assert done.attempted and not done.failed
