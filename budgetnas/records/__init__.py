"""What travels between the rooms: trials, reports of training, and the protocol of an engine."""
