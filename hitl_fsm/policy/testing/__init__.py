"""Cases beside the policies: what a verdict should be, what it is, and what no case has tried. Pure."""
