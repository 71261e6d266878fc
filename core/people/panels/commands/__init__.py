"""Panels on Discord: what admins command, what happens when somebody reacts, looking after them."""
