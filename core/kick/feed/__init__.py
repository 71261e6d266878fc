"""Kick's unofficial realtime feed, listened to without an account: which transport there is, one
connection for many channels, and what of it is written into the inbox.

What is received here is not counted until it is confirmed (`core.kick.review`). The feed has no
history, so what is missed while a connection is down is lost.
"""
