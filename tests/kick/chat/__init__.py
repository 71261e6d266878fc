"""Tests of speaking in Kick's chat."""
