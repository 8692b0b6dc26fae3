"""The policy in use: what it reads, what it says, and how its steps become an edit. No torch here."""
