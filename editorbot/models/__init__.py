"""Networks: what is computed, never how it is trained. Nothing above `training` imports this at start-up."""
