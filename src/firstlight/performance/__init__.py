"""How fast models train and serve on a machine, with how much memory and power: kernels, training step, serving."""
