"""Points: a currency of the server, its ledger, how it is earned and spent, and what games use.

Games build on `core.points.providers`; `core.points.ledger` is the only code that writes entries.
"""
