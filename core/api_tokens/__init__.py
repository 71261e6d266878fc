"""Tokens with which programs use the HTTP API on behalf of a server."""

from core.kit.text.words import N_

TITLE = N_("API tokens")
