"""`audit`: a command a file."""
