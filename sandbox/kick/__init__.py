"""The fake Kick: OAuth, public API, signed webhooks, realtime feed and the parts of the website
that bots use. Built from recorded facts about Kick, not from any client of it; where Kick's
behaviour is unknown, the comment says "guess"."""
