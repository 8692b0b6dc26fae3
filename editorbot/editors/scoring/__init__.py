"""What the scored editor knows: cues, scorecards, takes, paths."""
