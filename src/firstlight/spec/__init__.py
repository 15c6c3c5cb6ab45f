"""The documents: what a user writes, read, checked and explained."""
