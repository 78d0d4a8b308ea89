"""Small servers on loopback that speak the wire formats of model providers, one file a format."""
