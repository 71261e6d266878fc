"""Discord roles for those who watch: which role comes with how many minutes, and who has it."""
