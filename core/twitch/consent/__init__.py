"""Connecting an account in the browser: the page of the link, and the way back from Twitch."""
