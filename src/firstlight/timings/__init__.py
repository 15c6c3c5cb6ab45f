"""Fitting and predicting timings of any operation: formulas, the tree of their parameters, kriged residuals.

Nothing here knows what an operation does. `performance` brings the formulas of kernels, `network` those of collectives.
"""
