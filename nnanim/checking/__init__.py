"""What the weights and the log of a run can prove to be wrong: rules, and findings of them."""
