"""Everything the outside tells us is written down here first, and handled exactly once.

A delivery is stored under its unique id and answered at once. The worker turns it into events;
each event is a fact with a natural key, so the same fact under another delivery id counts once.
Delivery, facts and all their effects are one transaction: a crash anywhere re-runs it whole.
"""
