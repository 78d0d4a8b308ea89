"""`doctor`: what it looks at, a topic a file."""
