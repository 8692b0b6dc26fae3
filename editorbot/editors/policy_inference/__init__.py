"""The policy in use: its inputs, its network in NumPy, and how its actions become an edit."""
