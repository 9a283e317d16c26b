"""The examples in the docstrings of the public API give what stands below them."""

import doctest
from importlib import import_module

import pytest
from test_site import PUBLIC

import steep

# What the site describes, and where the names of `steep` itself stand; Lightning is not there to be imported.
MODULES = sorted({*PUBLIC, *steep._WHERE.values()} - {"steep.modules.lightning"})


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    done = doctest.testmod(import_module(name))
    assert done.attempted and not done.failed
