"""Moderators' notes about viewers."""
