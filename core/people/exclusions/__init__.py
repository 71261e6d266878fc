"""Who may not take part: one list per server, for single features or for everything."""
