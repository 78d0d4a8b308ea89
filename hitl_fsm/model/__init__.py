"""Frozen values: what the layers pass to each other. No I/O, no clock, no behaviour beyond reading."""
