"""Training of the beat tracker's network."""
