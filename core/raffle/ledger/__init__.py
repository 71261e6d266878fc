"""Tickets: earning, giving and removing them, and what viewers see of them."""
