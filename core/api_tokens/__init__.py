"""Tokens with which programs use the HTTP API on behalf of a server."""
