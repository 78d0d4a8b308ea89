"""How much is read at once, unless somebody asks for more."""

PAGE = 100
"""Rows of a list unless told otherwise."""
RECORD_PAGE = 1_000
"""Record lines read at once."""
