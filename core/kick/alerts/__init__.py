"""Alerts for admins: a live channel without chat, and a realtime
feed that shows another channel's chat."""
