"""The calendar: when a raffle begins and ends, by the month or by an admin's word."""
