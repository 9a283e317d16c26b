"""Anyone's PyTorch module: sharpened in place, then compiled to a threshold network.

`steep.modules.places` finds the activations of a module and sharpens them where they are; `steep.modules.trace` follows
one forward pass of the sharpened module; `steep.modules.affine` is the algebra that it works in, and
`steep.modules.compilation` rounds the result to integers.
"""
