"""Real third parties that are written for Node: other people's code on the other side of the wire."""
