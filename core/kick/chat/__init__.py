"""Sending to Kick's chat: the identity that sends, the rate, and the self-test."""
