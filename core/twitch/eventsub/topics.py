"""Topics between the web server and the listener, which may run in another process."""

RESTART = "twitch.restart"
"""An admin restarts the listener."""
