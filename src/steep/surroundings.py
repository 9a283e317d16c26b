"""What lies around a job, and must not reach its result: variables and dot files that libraries read by themselves.

They choose how Matplotlib draws, what Brian2 computes with, which of a processor's instructions PyTorch uses (other
last bits of every sum), or make a library refuse to be imported.
"""

import os
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

from steep.errors import SteepError

# Names of variables, or their beginnings. The number of threads is set by each job itself. OPENBLAS_CORETYPE stays: it
# is set where OpenBLAS would crash on a processor, or compute wrong sums.
FOREIGN = (
    "ATEN_",
    "DNNL_",
    "MKL_",
    "ONEDNN_",
    "PYTORCH_",
    "TORCH",
    "MATPLOTLIBRC",
    "MPLBACKEND",
    "PYTHONWARNINGS",
    "SOURCE_DATE_EPOCH",
)


def shield() -> None:
    """Take away from this process, and those that it starts, what would change a result; libraries are imported later.

    Raises
    ------
    SteepError
        when the working directory holds a ``matplotlibrc`` that Matplotlib cannot read: it looks there first.

    """
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ["MPLBACKEND"] = "agg"
    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        os.environ["MATPLOTLIBRC"] = str(Path(matplotlib.origin).with_name("mpl-data") / "matplotlibrc")
    if sys.warnoptions:
        # As Python does unless told: a warning that a library gives must not end a job.
        warnings.simplefilter("default")
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)
    try:
        Path("matplotlibrc").read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        pass
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SteepError(
            f"{Path.cwd() / 'matplotlibrc'}: cannot be read ({reason}), and Matplotlib reads it; move it away"
        ) from error


def explained(error: Exception) -> str | None:
    """Return in one line what is wrong where Brian2 cannot take the user's preferences; None for any other error.

    Brian2 evaluates the files as Python when it is imported, so the type of the error may be any.
    """
    trace, read = error.__traceback__, type(error).__name__ == "PreferenceError"
    while trace:
        read |= trace.tb_frame.f_code.co_name == "read_preference_file"
        trace = trace.tb_next
    if not read:
        return None
    reason = " ".join(str(error).split())
    return f"Brian2 cannot take brian_preferences here or ~/.brian/user_preferences ({reason}); mend it or move it away"
