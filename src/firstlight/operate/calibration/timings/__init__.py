"""Kernel times fitted to timing tables, and scored on what was left out."""
