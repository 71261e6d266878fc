"""Wagers: which affiliate account belongs to whom, and what was wagered with it since an admin
verified it. The raffle turns this into tickets."""
