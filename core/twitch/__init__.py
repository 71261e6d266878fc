"""Twitch: the connected accounts, EventSub over both transports, and chat.

What Twitch sends becomes the same events as what Kick sends, with `platform="twitch"`.
"""
