"""PyTorch as the timer: builds kernels and training steps on the first GPU, and times them with its events."""
