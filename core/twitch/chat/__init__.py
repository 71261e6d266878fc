"""Sending to Twitch chat."""
