"""Before anything trains: this machine, every default decided, every rule checked, who will train, and on what."""
