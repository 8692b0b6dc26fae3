"""The pointer network in use: its inputs, the network in NumPy, and how its answers become plays."""
