"""What a server's admin can set, of all rooms, in one place, and the record of who changed what."""
