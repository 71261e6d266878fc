"""Tickets: how they are earned, given and taken, and what viewers see of them."""
