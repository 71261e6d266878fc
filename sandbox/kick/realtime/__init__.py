"""The pretend Kick's realtime feed: negotiation, a Centrifugo server and a Pusher server.

Built from the project's facts (section 7), not from any client. The feed is unofficial; where
nobody recorded what Kick does, the comment says "guess". Both transports carry the same feeds and
events, and both drop what nobody was there to hear: there is no history and no recovery.
"""
