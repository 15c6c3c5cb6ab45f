"""The network room."""
