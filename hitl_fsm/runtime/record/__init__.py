"""What is done with the record: verified, proved, asked, exported, kept beyond the store, forgotten."""
