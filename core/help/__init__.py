"""What the bot can do, told to people (`/help`) and to the documentation."""
