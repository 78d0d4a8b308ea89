"""From YAML text to a verdict on one action: reading, checking, judging. No I/O, no clock."""
