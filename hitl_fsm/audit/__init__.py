"""The record: canonical digests, the chain, and its verification. Pure: bytes in, findings out."""
