"""Runs: started, listed, continued, forgotten; and how each is told."""
