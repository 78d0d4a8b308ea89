"""The machines as data, and the pure step from (run, event) to (run, records, effects). No I/O, no clock."""
