"""Kick's unofficial realtime feed, listened to without an account: which transport there is, one
connection for many channels, and what of it is written into the inbox.

Nothing heard here counts by itself (`core.kick.misses`). What is missed while a connection is down
is gone: the feed has no history. Facts: kick.md, section 7.
"""
