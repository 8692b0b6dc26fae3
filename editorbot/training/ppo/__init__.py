"""Training of the policy by proximal policy optimization."""
