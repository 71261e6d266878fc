"""Kick: its signed webhooks, its API, its chat. What Kick really does is written beside the code
that copes with it; https://docs.kick.com is the vendor's own word."""
