"""One health report for `/health`, `GET /health` and `health_check.py`.

Each process stores the status of its parts every few seconds (a heartbeat), and features add checks
on the database, so every process gives the same report.
"""
