"""Training of the learned score."""
