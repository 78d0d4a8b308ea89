"""A policy set as a page that a reviewer signs: values first (`paper`), then Markdown or HTML, one renderer a file."""
