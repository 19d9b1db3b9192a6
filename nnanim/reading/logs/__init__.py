"""Logs of metrics, one module for each format, and `detect`, which knows them all."""
