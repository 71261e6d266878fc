"""Heists: viewers join a crew with a stake of points, and the public beacon decides who wins."""
