"""What the names and shapes of a snapshot say of its network. Pure: no file is touched here."""
