"""Being told by Kick, and noticing when one is not: the webhook subscriptions and their upkeep, the
log of deliveries, what must not be counted by itself, the alarm for a channel that fell silent, and
the throwing away of what is no longer needed.
"""
