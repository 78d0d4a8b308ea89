"""What goes out behind the writers: notices, external calls, second copies of the record, traces."""
