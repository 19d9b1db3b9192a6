"""From a folder to a run: which files are snapshots and logs, what they hold, and what belongs together."""
