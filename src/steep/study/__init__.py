"""The study: what the workflow uses and the library does not know.

Its config as an object, its catalogue of figures and tables, its plan, state, provenance, costs and summary.
"""
