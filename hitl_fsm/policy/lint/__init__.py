"""What is allowed but seldom meant: one rule a file, all of them listed in `all`, run by `run`."""
