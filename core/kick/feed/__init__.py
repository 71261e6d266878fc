"""Kick's unofficial realtime feed, read without an account: choosing the transport, one connection
for many channels, and what is stored in the inbox.

What is received here is not counted until it is confirmed (`core.kick.review`). The feed has no
history, so what is missed while a connection is down is lost.
"""
