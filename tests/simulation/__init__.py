"""Deterministic simulation: one seed, one history of several workers, people, clocks and faults on one store."""
