"""Ways out to systems that carry a call out: one kind a file. A kind is a `ports_out.Route`."""
