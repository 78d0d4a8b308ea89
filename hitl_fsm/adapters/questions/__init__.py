"""Facts of the record in a SQLite file of their own, for questions: made of hashed lines, and made again when lost."""
