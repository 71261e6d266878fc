"""The games that viewers can ask for: a list that comes along, and what each server adds to it."""
