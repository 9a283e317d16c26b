"""A benchmark of simulators that others can run: the same networks, the same frames, the same spikes or it is told.

`implementations` lists what is measured, `measure` measures one of them in a process of its own, `runner` starts those
processes in turn and holds their spikes against the integer network. Each family of simulators is one module with a
function ``prepare``; modules of simulators that live in the environment of the peers (`envs/peers.txt`) import nothing
that is only in the project's own.
"""
