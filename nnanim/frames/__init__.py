"""What is shown and when: weights and curves over the run, reduced to frames that hold meaning, no pixels."""
