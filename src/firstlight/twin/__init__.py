"""The factory as arrays, assembled from a design, and what its disciplines hand to each other."""
