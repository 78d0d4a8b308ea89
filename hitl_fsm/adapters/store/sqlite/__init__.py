"""SQLite's part of the store."""
