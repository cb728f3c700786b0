"""To be filled by the first commit of its room."""
