"""Workflows: what a program of steps does next, told from what its run has recorded."""
