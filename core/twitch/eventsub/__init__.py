"""EventSub over both transports into one inbox: which subscriptions are wanted, webhooks, and the
listener with its WebSockets."""
