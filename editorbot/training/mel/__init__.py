"""Training of the learned polishes, reconstruct and mel2mel."""
