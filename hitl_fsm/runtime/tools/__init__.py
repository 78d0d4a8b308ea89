"""Tools: where they come from, what a model may say to them, and what comes back."""
