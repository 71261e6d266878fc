"""How long viewers watched: chat opens presence, the platform says when it was live, and watchtime
is exactly where the two overlap."""
