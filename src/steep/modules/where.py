"""Where in a user's code something happens, for errors."""

import sys
from pathlib import Path

import torch

import steep

LIBRARIES = Path(torch.__file__).parent, Path(steep.__file__).parent


def user_line() -> str:
    """Return file and line of the innermost call that is neither PyTorch's nor ours."""
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.suffix == ".py" and not any(path.is_relative_to(folder) for folder in LIBRARIES):
            return f"{path.name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "an unknown line"
