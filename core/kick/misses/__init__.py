"""What the realtime feed saw and the webhooks did not tell: witnesses are matched with the facts
that were counted; one whose fact never comes is a suspected miss that an admin credits or
dismisses.

A witness never counts by itself. Where the feed is a channel's authority for a kind of fact, its
witnesses are credited as soon as the names in them are known by their user ids.
"""
