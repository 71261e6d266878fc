"""Kick's unofficial realtime feed, listened to without an account: which transport there is, one
connection for many channels, and what of it is written into the inbox.

Nothing received here counts by itself (`core.kick.review`). The feed has no history, so what is
missed while a connection is down is lost.
"""
