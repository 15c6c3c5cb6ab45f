"""Times of single kernels and collectives, as fitted to timings: formulas, the tree of their parameters, residuals."""
