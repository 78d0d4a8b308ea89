"""One file a revision; none is edited after its release."""
