"""Timing tables of kernels, read and scored."""
