"""The Spiking Temporal Processing Unit (STPU): neurons with temporal buffers, synapses with a weight and a delay.

Hill et al., ICRC 2017, doi 10.1109/ICRC.2017.8123631; Smith et al., arXiv 1704.08306. What the two papers leave open
is taken from the two public descriptions of the step in Sandia's Structural Simulation Toolkit, the elements *gensa*
(2023) and *GNA* (2018).
"""
