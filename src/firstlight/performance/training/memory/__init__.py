"""Memory of the accelerators of a training run, and what the host keeps of it."""
