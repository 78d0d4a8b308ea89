"""Channels: how a notice reaches people, and machines. One a file."""
