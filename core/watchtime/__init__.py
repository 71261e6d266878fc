"""How long viewers watched: chat messages mark presence, the platform reports when the channel was
live, and watchtime is exactly the overlap of the two."""
