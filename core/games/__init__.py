"""The games that viewers can request: a starter list, and each server's changes to it."""
