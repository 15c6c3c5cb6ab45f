"""Many layouts as arrays, and what the models of a step compute with: ranks, groups, parameters."""
