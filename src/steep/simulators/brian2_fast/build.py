"""Build a Brian2 standalone program in a folder, as a process of its own: Brian2's device and preferences are global.

``python -m steep.simulators.brian2_fast.build FOLDER NEURONS DTYPE COMPILER_OPTION...``; the folder holds
``steep_network.cpp`` and receives ``simulation``.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from brian2 import Function, Network, NeuronGroup, defaultclock, device, prefs, second, set_device
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

from steep.simulators.brian2_fast.tools import PLAIN
from steep.simulators.brian2_lif import LIF, SCHEDULE, STEP
from steep.simulators.brian2_settings import brian2_settings

HERE = Path(__file__).parent


class PickingCodeObject(CPPStandaloneCodeObject):  # type: ignore[misc]  # Brian2 ships no types
    """Brian2's standalone code with `templates/threshold.cpp`, which finds the neurons that fire without branches."""

    templater = CPPStandaloneCodeObject.templater.derive("steep.simulators.brian2_fast")


@brian2_settings()
def build(folder: Path, neurons: int, dtype: type[np.floating], options: list[str]) -> None:
    """Write, compile and keep the program of `neurons` LIF neurons with the delivery of ``steep_network.cpp``."""
    sources = folder / "brian2"
    set_device("cpp_standalone", directory=str(sources), build_on_run=False)
    prefs.core.default_float_dtype = dtype
    prefs.codegen.cpp.extra_compile_args_gcc = options
    # Paths stand in a makefile, where blanks and signs have a meaning: the headers are brought to the folder, whose
    # path has none, and an environment's libraries are left out where theirs has.
    for header in HERE.glob("*.h"):
        shutil.copy(header, folder)
    prefs.codegen.cpp.include_dirs = [str(folder)]
    for name in ("codegen.cpp.library_dirs", "codegen.cpp.runtime_library_dirs"):
        prefs[name] = [path for path in prefs[name] if PLAIN.fullmatch(path)]
    prefs.codegen.cpp.headers = ['"steep_network.h"']
    prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
    defaultclock.dt = STEP

    lif = NeuronGroup(neurons, **LIF, codeobj_class=PickingCodeObject, name="neurons")
    # A Brian2 object of its own, in the slot in which synapses deliver: once a step, for all links.
    advance = Function(lambda step: 0 * step, arg_units=[1], return_unit=1, stateless=False)
    advance.implementations.add_implementation(
        "cpp",
        "",
        name="steep_advance",
        compiler_kwds={"sources": [str(folder / "steep_network.cpp")]},
    )
    delivery = NeuronGroup(1, "done : 1", name="delivery", namespace={"advance": advance})
    delivery.run_regularly("done = advance(t_in_timesteps)", when="synapses")
    network = Network(lif, delivery)
    network.schedule = SCHEDULE
    device.insert_code("main", "steep_start();")
    network.run(1e6 * second)  # the program stops by itself after the last frame
    device.build(directory=str(sources), compile=True, run=False, with_output=False)
    (sources / "main").rename(folder / "simulation")


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), getattr(np, sys.argv[3]), sys.argv[4:])
