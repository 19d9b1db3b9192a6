"""Pixels to files, each moved into place when it is whole."""
