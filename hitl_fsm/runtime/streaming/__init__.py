"""What the reader of a run's stream is told."""
