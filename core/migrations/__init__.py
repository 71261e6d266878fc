"""One Alembic history for all features. `setup_database.py` runs it; a test proves that it leads to
exactly the tables that the features declare."""
