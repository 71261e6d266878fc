"""Twitch: the connected accounts, EventSub over both transports, and chat.

What Twitch sends is translated to the same events as Kick's, with `platform="twitch"`.
"""
