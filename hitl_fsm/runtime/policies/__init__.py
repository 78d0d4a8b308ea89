"""Policies in force, and what others would have said."""
