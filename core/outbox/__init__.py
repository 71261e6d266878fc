"""The outbox: outgoing messages are stored in the transaction of their cause, and then sent.

Each has a unique key, so the same cause posts it once. The sender works through each lane (such as
a Discord channel) in order and retries what fails; what keeps failing becomes a dead letter, which
`/health` shows.
"""
