"""Times of single collectives and exchanges of routed tokens, as fitted to timings."""
