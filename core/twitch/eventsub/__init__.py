"""EventSub over both transports: which subscriptions are wanted, webhooks, and the listener with
its WebSockets."""
