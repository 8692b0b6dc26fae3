"""Training of the policy by behavior cloning."""
