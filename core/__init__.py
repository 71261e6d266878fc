"""The product. `rooms.py` is its map; `docs/architecture.md` is the guided tour."""
