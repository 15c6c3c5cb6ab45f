"""All layouts of a training run: the fastest, the front of time against memory, why others lost; what makes one fit."""
