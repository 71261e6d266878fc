"""Discord servers: their names, the channels that stream for them, what their admins set, and the
record of who changed what."""
