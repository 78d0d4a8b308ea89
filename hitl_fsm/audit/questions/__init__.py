"""What a reviewer asks of the record: one question a file, listed in `all.py`. Data and pure functions."""
