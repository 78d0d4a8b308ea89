"""`kind: Workflow`: a tree of steps written down, each by the import path of what it runs."""
