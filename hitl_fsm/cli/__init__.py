"""The command line: one command, or one group of them, a file. It goes through the engine's one door (law 14)."""
