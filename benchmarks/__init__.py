"""Speed, memory, cost and label quality, measured; each module is run with python -m."""
