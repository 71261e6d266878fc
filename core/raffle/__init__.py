"""The raffle: tickets in a ledger that only grows, periods that open and end, and a draw that
nobody can steer."""
