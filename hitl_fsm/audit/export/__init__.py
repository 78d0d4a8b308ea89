"""The record in the formats of others: one pure file a format, lines in, text out, one line at a time."""
