"""The evidence pack: one HTML file about some runs that stands alone, prints well, and can be checked."""
