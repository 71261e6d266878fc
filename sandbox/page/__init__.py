"""The sandbox's one web page: the pretend Discord and the pretend Kick, side by side.

Plain HTML, CSS and ES modules, served as they lie here; the page itself talks only to the
control API under ``/control``.
"""
