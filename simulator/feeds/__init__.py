"""Feed folders: read, written, put in order for the log, lived through."""
