"""Snapshots of the weights, one module for each format, and `detect`, which knows them all."""
