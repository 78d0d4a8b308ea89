"""Findings as text and as data: one format a file."""
