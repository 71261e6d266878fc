"""The web server: pages, overlays, API, live updates."""
