"""Several runs held against each other: statistics of their weights, groups of seeds, and differences."""
