"""Training of the pointer network."""
