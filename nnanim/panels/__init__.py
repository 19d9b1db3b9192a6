"""The parts of the figure."""
