"""What a server's admin can set, of all features, and the record of who changed what."""
