"""Where second copies of the record go: a file, a syslog receiver, an HTTP receiver. One kind a file."""
