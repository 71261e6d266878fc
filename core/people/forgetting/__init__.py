"""Viewers who were forgotten: what keeps their penalties from being shed when they come back."""
