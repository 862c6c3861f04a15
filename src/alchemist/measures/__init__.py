"""Numbers about votes and labels, from numpy arrays alone."""
