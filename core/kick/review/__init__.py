"""The review queue: events that Kick's webhooks may have lost or sent twice.

1. The realtime feed reports an *unconfirmed event*, which does not count.
2. A webhook with the same subject confirms it, whichever of the two comes first.
3. What is not confirmed within `kick.confirmation_minutes` goes to the queue, `/missed`.
4. An admin credits or dismisses it; where no webhook is subscribed, the feed's events are credited
   without asking, and a webhook that comes after a credit does not count again.
5. A single subscription within ten minutes of a gift to the same viewer is a *duplicate* of the
   gift and waits in the same queue, to be credited, taken back or dismissed.
"""
