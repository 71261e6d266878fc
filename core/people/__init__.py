"""Viewers: platform accounts, identified by user id and shown with their current name."""
