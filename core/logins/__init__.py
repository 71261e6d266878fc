"""Who is logged in to the dashboard, in which browsers."""
