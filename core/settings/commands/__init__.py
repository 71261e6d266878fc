"""`/settings` in Discord: the commands, what is offered while typing, the list and its buttons."""
