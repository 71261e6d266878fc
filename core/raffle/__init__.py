"""Raffles: tickets in an append-only ledger, periods, and a draw that nobody can influence."""
