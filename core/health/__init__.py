"""How the product is, told in one way to everybody: `!health`, `GET /health`, `health_check.py`.

Each process writes down every few seconds how its parts are (a heartbeat); features add what the
database knows. So the answer is the same whichever process is asked.
"""
