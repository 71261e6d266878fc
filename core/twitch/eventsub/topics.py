"""Topics between the web server and the listener, which may be another process."""

RESTART = "twitch.restart"
"""An admin wants the listener to connect again."""
