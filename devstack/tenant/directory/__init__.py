"""The directory: objects, relations between them, and the replication delay with which readers see both."""
