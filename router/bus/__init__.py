"""How the parts of one node, and the nodes of a cluster, tell each other to look at the log again."""
