"""Analysis + EditRequest -> EditList, one file an editor."""
