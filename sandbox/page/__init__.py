"""The sandbox's web page: the fake Discord and the fake Kick side by side. Plain HTML, CSS and ES
modules without a build step; it uses only the control API under ``/control``."""
