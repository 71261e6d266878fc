"""Kick: its signed webhooks, its API, its chat. How Kick really behaves is documented beside the
code that handles it; the vendor's documentation is https://docs.kick.com."""
