"""Editing as a game: actions, state, dynamics, reward, environments. No torch."""
