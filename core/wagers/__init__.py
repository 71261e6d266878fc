"""Wagers: which affiliate account is whose, and what was wagered with it since an admin verified
that. The raffle turns it into tickets."""
