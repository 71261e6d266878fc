"""Points: the server's currency, its ledger, earning and spending, and the API for games.

Games build on `core.points.providers`; `core.points.ledger` is the only code that writes entries.
"""
