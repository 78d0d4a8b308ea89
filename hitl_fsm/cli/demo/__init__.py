"""`demo`: one ticket that meets every kind of gate."""
