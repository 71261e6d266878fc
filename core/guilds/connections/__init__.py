"""Shared by all services connected to a server: their accounts, and the chats that admins write in
and test.
"""
