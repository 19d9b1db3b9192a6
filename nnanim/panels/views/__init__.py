"""The ways in which a network can be shown: a module each, called as the option `view` has it."""
