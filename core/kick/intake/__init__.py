"""Receiving from Kick: webhook subscriptions, the log of deliveries, unverified deliveries, and the
deletion of old rows."""
