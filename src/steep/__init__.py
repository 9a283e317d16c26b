"""Steep: deep networks trained into spiking networks, one frame per time step.

What a user of the library needs stands here; nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from steep.modules.compilation import Currents, InputSpikes
    from steep.modules.network import Network
    from steep.modules.schedule import Sharpener, estimate_statistics
    from steep.modules.use import compile, sharpen

_WHERE = {
    "Currents": "steep.modules.compilation",
    "InputSpikes": "steep.modules.compilation",
    "Network": "steep.modules.network",
    "Sharpener": "steep.modules.schedule",
    "Sharpening": "steep.modules.lightning",
    "compile": "steep.modules.use",
    "estimate_statistics": "steep.modules.schedule",
    "sharpen": "steep.modules.use",
}
__all__ = ["Currents", "InputSpikes", "Network", "Sharpener", "compile", "estimate_statistics", "sharpen"]


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module 'steep' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
