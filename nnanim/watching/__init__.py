"""A result folder that is still being filled: what is new in it, drawn anew."""
