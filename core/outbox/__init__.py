"""Everything we owe the outside is written down in the transaction of its cause, and then done.

A message is posted under a unique key, so that a cause that is told twice is announced once. The
sender works through the lanes (a Discord channel, a Kick chat) in order; what cannot be delivered
is retried, and what keeps failing lies on the shelf, where the health page shows it.
"""
