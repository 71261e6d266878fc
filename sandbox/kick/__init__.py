"""The pretend Kick: OAuth, public API, signed webhooks and the little of the website that bots use.

Built from the project's facts about Kick, not from any client of it. Where Kick's own behaviour is
not known, the comment says "guess". Whatever happens in ``FakeKick`` is told twice: to webhooks by
its ``publish``, and to the realtime feed (``realtime``) by its ``feed``.
"""
