"""Where checkpoints are kept beyond the store: in a file, a git repository, an object store. One kind a file."""
